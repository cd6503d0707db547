"""Carrying out `reconcile.plan` in a real folder: look, do, look again, until every run is in its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from huracan_spool.errors import TryAgain
from huracan_spool.record import KnownRun
from huracan_spool.stores import reconcile
from huracan_spool.stores.reconcile import Add, Move, Plan, Present

ROUNDS = 12  # one host alone needs four; more means that another host is at it, and waiting helps more


class DayFolder(Protocol):
    """One day's folder in a store. Refused moves and adds are no errors: the next look tells."""

    async def look(self) -> tuple[Sequence[Present], Sequence[KnownRun]]: ...

    async def prepare(self, content_hashes: Sequence[str]) -> None:
        """Do all of adding these that can be done before: it may take long, or be refused."""
        ...

    async def move(self, moves: Sequence[Move]) -> None: ...

    async def add(self, adds: Sequence[Add]) -> None: ...


class StrangersInTheWay(TryAgain):
    """Content that no record names lies where a run must go; its owner may be about to claim it."""


class Patience:
    """Remembers since when a file without an owner has been in the way. Losing it costs time, not truth."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def over(self) -> frozenset[str]:
        """The ids of strangers that have had their time."""
        now = self._clock()
        return frozenset(id_ for id_, since in self._since.items() if now - since >= self._seconds)

    def wait_for(self, strangers: Iterable[Present]) -> StrangersInTheWay:
        now = self._clock()
        names = []
        for stranger in strangers:
            self._since.setdefault(stranger.id, now)
            names.append(stranger.path)
        return StrangersInTheWay(
            f"files that no run claims are in the way: {', '.join(sorted(names))}; if nobody claims them they "
            "are put aside under superseded/unknown-…",
            retry_after=self._seconds,
        )

    def forget(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            self._since.pop(id_, None)


async def settle(folder: DayFolder, ours: KnownRun, patience: Patience) -> Plan:
    """Bring a folder in order; returns the plan that found nothing left to do.

    Raises `StrangersInTheWay`, `TryAgain` when other hosts keep changing the folder or what is done does not show,
    and what the folder does.
    """
    done: list[Plan] = []
    for _ in range(ROUNDS):
        listing, recorded = await folder.look()
        plan = reconcile.plan(listing, recorded, ours, patience.over())
        if plan.settled:
            return plan
        if not plan.moves and not plan.adds:
            raise patience.wait_for(plan.strangers)
        if done.count(plan) > 1:
            raise TryAgain(
                "what is done in the folder of this symbol and date does not show: another host changes it too, or "
                "its listing is late"
            )
        done.append(plan)
        if len(done) == 1:  # before anything shows, and before an older run leaves the fixed places
            there = {present.content_hash for present in listing}
            await folder.prepare([wanted for wanted in ours.wants.values() if wanted not in there])
        await folder.move(plan.moves)
        patience.forget(move.id for move in plan.moves)
        await folder.add(plan.adds)
    raise TryAgain("another host keeps changing the folder of this symbol and date")
