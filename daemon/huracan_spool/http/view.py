"""All that is shown, of one moment. What is read from the disk is at most two seconds old."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huracan_spool.activity import Activity
from huracan_spool.ledger import AccountPause, Ledger, WaitingRun
from huracan_spool.overview import Overview, waiting_runs
from huracan_spool.record import rfc3339_at
from huracan_spool.spool.failed import FailedRun, failed_runs
from huracan_spool.standing import Space, Standing, StoreFacts
from huracan_spool.threads import in_thread

_FRESH = 2.0


@dataclass(frozen=True, slots=True)
class OnDisk:
    """`spool_space` is None, and `trouble` says why, when the spool can't be read."""

    waiting: Sequence[WaitingRun]
    failed: Sequence[FailedRun]
    spool_space: Space | None
    store: StoreFacts
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """`now` is in seconds since 1970, `monotonic` the clock of what is under way."""

    now: float
    monotonic: float
    spool: str
    store: str
    standing: Standing
    activity: Activity
    disk: OnDisk

    def overview(self) -> Overview:
        return Overview(
            spool=self.spool,
            store=self.store,
            running=True,
            paused=self._pause(),
            pending=self.standing.pending,
            waiting=self.disk.waiting,
            failed=self.disk.failed,
            recent=self.activity.recent,
        )

    def _pause(self) -> AccountPause | None:
        paused = self.standing.paused
        if paused is None:
            return None
        since = rfc3339_at(self.now - paused.seconds)
        return AccountPause(since, paused.reason, paused.hint)

    @property
    def oldest_age(self) -> float:
        """Seconds since the oldest pending run was published; 0 when none is pending."""
        oldest = self.standing.oldest_published
        return max(0.0, self.now - oldest) if oldest is not None else 0.0


class View:
    """`standing` is asked in the event loop, `facts` in a thread."""

    def __init__(
        self,
        activity: Activity,
        standing: Callable[[], Standing],
        facts: Callable[[], StoreFacts],
        ledger: Ledger,
        spool: Path,
        store: str,
    ) -> None:
        self._activity = activity
        self._standing = standing
        self._facts = facts
        self._ledger = ledger
        self._spool = spool
        self._store = store
        self._disk: OnDisk | None = None
        self._looked_at = 0.0
        self._looking = asyncio.Lock()

    async def picture(self) -> Picture:
        disk = await self._on_disk()
        return Picture(
            now=self._activity.now(),
            monotonic=self._activity.monotonic(),
            spool=str(self._spool),
            store=self._store,
            standing=self._standing(),
            activity=self._activity,
            disk=disk,
        )

    async def _on_disk(self) -> OnDisk:
        """One look for all who ask at the same time."""
        async with self._looking:
            now = self._activity.monotonic()
            if self._disk is None or now - self._looked_at >= _FRESH:
                self._disk, self._looked_at = await in_thread(self._look), now
            return self._disk

    def _look(self) -> OnDisk:
        try:
            waiting = waiting_runs(self._ledger)
            failed = failed_runs(self._spool)[::-1]
            return OnDisk(waiting, failed, Space.at(self._spool), self._facts(), None)
        except (OSError, sqlite3.Error) as error:
            return OnDisk((), (), None, StoreFacts(), str(error))
