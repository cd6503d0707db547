"""Pauses of all uploads: begun, probed, told and ended. The gate says what follows from what; this does it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from huracan_spool.activity import Activity
from huracan_spool.errors import NeedsPerson, StoreError
from huracan_spool.gate import Gate, State
from huracan_spool.ledger import Ledger
from huracan_spool.logs import RepeatedProblem
from huracan_spool.outcome import Pause
from huracan_spool.record import rfc3339_at
from huracan_spool.standing import Paused
from huracan_spool.stores.base import Store
from huracan_spool.threads import in_thread

_LOOK = 1.0  # seconds between two looks at whether it is time to probe
_SHORTEST = 0.1


class Pauses:
    """`clock` is monotonic seconds; `waiting` counts runs; `wake` is called when runs may go again."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        activity: Activity,
        clock: Callable[[], float],
        *,
        waiting: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._activity = activity
        self._clock = clock
        self._waiting = waiting
        self._wake = wake
        self._gate = Gate()
        self._problem = RepeatedProblem()
        self._notes: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self._log = structlog.get_logger()

    def admits(self) -> bool:
        """Whether another run may start now."""
        return self._gate.admits()

    def started(self, run: str) -> None:
        self._gate.started(run)

    def begin(self, pause: Pause) -> None:
        """A run found that the store can't be used by anybody."""
        now = self._clock()
        news = self._gate.close(now, pause.reason, pause.hint, needs_person=pause.needs_person)
        self._report(now, news=news)

    def tried(self, run: str, *, store_used: bool) -> None:
        """A run ended in some other way. `store_used`: it got through to the store."""
        now = self._clock()
        paused = now - self._gate.closed_since
        if self._gate.ended(run, store_used=store_used):
            self._problem.ended(now)
            self._log.info("uploads_resumed", paused_seconds=round(paused, 1), waiting=self._waiting())
            self._notes.put_nowait(self._ledger.resumed)

    def now(self) -> Paused | None:
        """The pause that is in force."""
        gate, now = self._gate, self._clock()
        if gate.state is State.OPEN:
            return None
        next_try = max(0.0, gate.probe_at - now)
        return Paused(gate.reason, gate.hint, gate.needs_person, now - gate.closed_since, next_try)

    def probe_soon(self) -> None:
        self._gate.probe_now(self._clock())

    async def probes(self) -> None:
        """For ever: ask the store when it is time."""
        self._notes.put_nowait(self._ledger.resumed)  # a pause that an earlier daemon noted
        while True:
            await asyncio.sleep(self._until_probe())
            if self._gate.state is State.CLOSED and self._gate.probe_at <= self._clock():
                await self._probe()

    async def take_notes(self) -> None:
        """For ever: note pauses for people who ask later. In a thread: the disk may be slow, the ledger locked."""
        while True:
            note = await self._notes.get()
            with suppress(sqlite3.Error):
                await in_thread(note)

    def _until_probe(self) -> float:
        closed = self._gate.state is State.CLOSED
        return max(_SHORTEST, min(_LOOK, self._gate.probe_at - self._clock())) if closed else _LOOK

    async def _probe(self) -> None:
        try:
            await self._store.probe()
        except StoreError as error:
            now = self._clock()
            person = isinstance(error, NeedsPerson)
            news = self._gate.probe_failed(now, str(error), error.hint, needs_person=person)
            self._report(now, news=news)
        else:
            self._gate.probe_answered()
            self._wake()

    def _report(self, now: float, *, news: bool) -> None:
        if news:
            self._problem = RepeatedProblem()
            self._activity.paused(needs_person=self._gate.needs_person)
        repeats = self._problem.happened(now)
        if repeats is None:
            return
        seconds = now - self._gate.closed_since
        self._log.warning(
            "uploads_paused",
            reason=self._gate.reason,
            action=self._gate.hint or "none: it is tried again by itself",
            waiting=self._waiting(),
            next_try_seconds=round(max(0.0, self._gate.probe_at - now), 1),
            paused_seconds=round(seconds),
        )
        since = rfc3339_at(time.time() - seconds)
        self._notes.put_nowait(partial(self._ledger.paused, since, self._gate.reason, self._gate.hint))
