"""Getting through to the store: what is tried again, what everybody waits for, and when that is of no use."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from huracan_spool.activity import Activity
from huracan_spool.errors import NeedsPerson, Refused, StoreError, TryAgain, Unreachable
from huracan_spool.ledger import Ledger
from huracan_spool.outcome import Pause
from huracan_spool.pauses import Pauses
from huracan_spool.pushing.report import End, Ended
from huracan_spool.stores.dropbox.api import DropboxApi
from huracan_spool.stores.dropbox.classify import BY_TAG
from huracan_spool.stores.dropbox.pacing import CallRate
from huracan_spool.stores.dropbox.store import DropboxStore

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

TRIES = 6  # of a run that others are in the way of; some two minutes
UNREACHABLE_FOR = 180.0  # seconds
_LOOK = 1.0
_BRINGS_BYTES = "files/upload_session/append"
_FULL = frozenset(BY_TAG[f"path/{tag}"].hint for tag in ("insufficient_space", "upload_traffic_limit_reached"))


@dataclass(frozen=True, slots=True)
class Tools:
    """What a push works with. `readers` runs are read at a time; `run_delay` gives seconds after the n-th try."""

    api: DropboxApi
    store: DropboxStore
    ledger: Ledger
    activity: Activity
    rate: CallRate
    app_folder: str
    readers: int
    run_delay: Callable[[int], float]


class Through:
    """One for the push: a pause is everybody's."""

    def __init__(self, tools: Tools, sleep: Sleep) -> None:
        self._activity = tools.activity
        self._rate = tools.rate
        self._run_delay = tools.run_delay
        self._sleep = sleep
        self._clock = tools.activity.monotonic
        self._kick = asyncio.Event()
        self._waiting = self._calls = 0
        self._under_way: dict[str, str | None] = {}  # the reason of whoever waits to try again
        self._pauses = Pauses(
            tools.store,
            tools.ledger,
            tools.activity,
            self._clock,
            waiting=lambda: self._waiting,
            wake=self._kick.set,
        )

    def waits_because(self) -> str | None:
        """Why nothing moves just now, if that has a reason."""
        if paused := self._pauses.now():
            return paused.reason
        if frozen := self._rate.frozen:
            return f"Dropbox asks to wait {max(1.0, frozen.until - self._clock()):.0f} s: {frozen.reason}"
        reasons = list(self._under_way.values())
        return reasons[0] if reasons and all(reasons) else None

    async def get(self, work: Callable[[bool], Awaitable[T]]) -> T:
        """What `work` returns, which is told whether it is done again.

        While nobody gets through, everybody waits here. Raises `Ended` when waiting is of no use, `Refused`, what
        may pass but has not after some tries in which nothing arrived, and what else `work` raises.
        """
        again, tries = False, 0
        while True:
            name = await self._admitted()
            arrived = self._arrived()
            try:
                with self._noted(name, None):
                    result = await work(again)
            except NeedsPerson as error:
                raise _ended(str(error), error.hint) from error
            except Unreachable as error:
                self._pauses.begin(Pause(str(error), error.hint, needs_person=False))
            except StoreError as error:
                self._tried(name, store_used=True)
                tries = tries + 1 if self._arrived() == arrived else 1
                if isinstance(error, Refused) or tries >= TRIES:
                    raise
                wish = error.retry_after if isinstance(error, TryAgain) else None
                with self._noted(name, str(error)):
                    await self._sleep(max(self._run_delay(tries), wish or 0.0))
            except sqlite3.Error as error:
                raise Ended(f"the state directory can't be used: {error}", "free some space", End.LATER) from error
            except BaseException:
                self._tried(name, store_used=False)
                raise
            else:
                self._tried(name, store_used=True)
                return result
            again = True

    async def probes(self) -> None:
        """For ever, beside the work: find out when a pause is over."""
        await self._pauses.probes()

    async def watch(self) -> None:
        """For ever, beside the work. Raises `Ended` when a probe says that waiting is of no use, or for too long
        neither a run got through nor bytes of a large file arrived.
        """
        arrived, since = 0, self._clock()
        while True:
            await self._sleep(_LOOK)
            now, before, arrived = self._clock(), arrived, self._arrived()
            since = now if arrived != before else since
            paused = self._pauses.now()
            if paused and paused.needs_person:
                raise _ended(paused.reason, paused.hint)
            if paused and min(paused.seconds, now - since) > UNREACHABLE_FOR:
                raise Ended(paused.reason, paused.hint, End.UNREACHABLE)

    async def _admitted(self) -> str:
        self._waiting += 1
        try:
            while not self._pauses.admits():
                self._kick.clear()
                await self._kick.wait()
        finally:
            self._waiting -= 1
        self._calls += 1
        name = str(self._calls)
        self._pauses.started(name)
        return name

    @contextmanager
    def _noted(self, name: str, waits_because: str | None) -> Iterator[None]:
        self._under_way[name] = waits_because
        try:
            yield
        finally:
            del self._under_way[name]

    def _tried(self, name: str, *, store_used: bool) -> None:
        self._pauses.tried(name, store_used=store_used)
        self._kick.set()

    def _arrived(self) -> int:
        """The calls so far that brought bytes across."""
        calls = self._activity.totals.calls.items()
        return sum(count for (route, how), count in calls if how == "ok" and route.startswith(_BRINGS_BYTES))


def _ended(reason: str, hint: str) -> Ended:
    return Ended(reason, hint, End.LATER if hint in _FULL else End.NOT_PERMITTED)
