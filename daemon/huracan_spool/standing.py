"""How the service and its store stand at one moment: what they answer when they are asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing goes to the store since then. `needs_person`: not before somebody acts. Times in seconds."""

    reason: str
    hint: str
    needs_person: bool
    seconds: float
    next_try: float


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a file system."""

    free: int
    size: int

    @classmethod
    def at(cls, place: int | Path) -> Self:
        """Raises `OSError`."""
        found = os.statvfs(place)
        return cls(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def as_far_as_it_exists(folder: Path) -> Path:
    """Where a folder that is still to be made would lie."""
    while not folder.exists():
        folder = folder.parent
    return folder


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a store knows without asking anybody; None where it does not.

    `token_good_for` is in seconds.
    """

    token_good_for: float | None = None
    space: Space | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """`oldest_published` is in seconds since 1970, None when nothing is pending.

    `delayed` runs wait for another run of their lane, or for another try.
    """

    store: str
    pending: int
    oldest_published: float | None
    delayed: int
    stopping: bool
    paused: Paused | None
