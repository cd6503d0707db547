"""How an attempt at a run can end; `service` acts on it, nobody else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settled:
    """Uploaded or in quarantine, receipt written. `store_used`: the store had its part in it."""

    store_used: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing is pending under this name any more."""


@dataclass(frozen=True, slots=True)
class Parked:
    """Another run of its lane is under way; this one waits for it."""


@dataclass(frozen=True, slots=True)
class Later:
    """This run alone waits. `store_used`: the store answered, so it can be used."""

    seconds: float
    store_used: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """The store can't be used by any run."""

    reason: str
    hint: str
    needs_person: bool


Outcome = Settled | Gone | Parked | Later | Pause
