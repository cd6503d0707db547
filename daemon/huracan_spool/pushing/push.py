"""The push itself: days side by side, the runs of each one after the other, the oldest first."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from huracan_spool.budget import Budget
from huracan_spool.errors import Refused, Rejected, StoreError
from huracan_spool.pushing.account import Account, There
from huracan_spool.pushing.archive import ArchivedRun, Broken, Day, Extent, Wanted, days, extent, look_at
from huracan_spool.pushing.reading import plan
from huracan_spool.pushing.report import End, Ended, Problem, Pushed, Report
from huracan_spool.pushing.through import Sleep, Through, Tools
from huracan_spool.record import RunKey
from huracan_spool.stores.base import PlannedRun, Stored
from huracan_spool.threads import all_done, alongside, in_thread

# As many as a daemon has under way: small files of so many runs share calls, and their commits do.
MOST_DAYS_SIDE_BY_SIDE = 256
FILES_OF_A_RUN = 8  # descriptors, with room
OTHER_FILES = 256
BYTES_UNDER_WAY = 1024 * 1024 * 1024
SECOND_LOOK = 2.0  # seconds, after which a daemon has added or moved what it was about to


class Push:
    """`root` is the archive's tree, `{archive}/{app_folder}`. What becomes of the runs is added to `report`."""

    def __init__(
        self, tools: Tools, root: Path, wanted: Wanted, report: Report, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._tools = tools
        self._root = root
        self._wanted = wanted
        self._report = report
        self._sleep = sleep
        self._through = Through(tools, sleep)
        self._days: Iterator[Day] = iter(())
        self._next = asyncio.Lock()
        self._reading = asyncio.Semaphore(tools.readers)
        self._under_way = Budget(BYTES_UNDER_WAY)
        self.extent = Extent(0, 0, 0)
        self.days_done = 0
        self.asks_account = False

    def waits_because(self) -> str | None:
        """Why nothing moves just now, if that has a reason."""
        return self._through.waits_because()

    async def run(self) -> None:
        """Raises `Ended`, and `OSError` when the archive can't be read."""
        self.extent = found = await in_thread(extent, self._root, self._wanted)
        if not found.days:
            return
        self._account = Account(self._tools.api, self._tools.app_folder, found.dates, found.symbols)
        self._days = days(self._root, self._wanted)
        async with alongside(self._through.probes()), alongside(self._through.watch()):
            await self._look_at_account()
            await all_done(self._work() for _ in range(min(found.days, _days_side_by_side())))

    async def _look_at_account(self) -> None:
        self.asks_account = True
        try:
            await self._through.get(lambda _: self._account.look())
        except StoreError as error:
            raise Ended(str(error), error.hint, End.LATER) from error
        self.asks_account = False

    async def _work(self) -> None:
        while (day := await self._next_day()) is not None:
            await self._push_day(day)
            self.days_done += 1

    async def _next_day(self) -> Day | None:
        async with self._next:
            return await in_thread(next, self._days, None)

    async def _push_day(self, day: Day) -> None:
        """What is broken is looked at a second time: somebody may have been at work on it."""
        try:
            there = self._account.at_hand(day)
            if there is None:
                there = await self._through.get(lambda _: self._account.fetch(day))
        except StoreError as error:
            self._report.failed.append(_failed(day, "all runs", error))
            return
        done = set[RunKey]()
        broken = await self._push_what_is_whole(day, there, done)
        if broken:
            await self._sleep(SECOND_LOOK)
            broken = await self._push_what_is_whole(day, there, done)
        self._report.broken += [Problem(day.name, run, what) for run, what in broken.items()]

    async def _push_what_is_whole(self, day: Day, there: There, done: set[RunKey]) -> dict[str, str]:
        """Returns what is wrong with the others."""
        try:
            found = await in_thread(look_at, day)
        except OSError as error:
            return {"all runs": f"their folder can't be read: {error.strerror}"}
        broken = dict(found.broken)
        for run in found.runs:
            if run.known.key not in done:
                try:
                    await self._push_run(day, run, there)
                    done.add(run.known.key)
                except Broken as problem:
                    broken[run.name] = str(problem)
        return broken

    async def _push_run(self, day: Day, run: ArchivedRun, there: There) -> None:
        """Raises `Broken`, and `Ended`."""
        if there.has(run):
            self._report.already_there += 1
            return
        try:
            # Into a day that has something already the store looks before it sends anything.
            stored = await self._send(day, run, look_first=there.is_begun)
        except StoreError as error:
            self._report.failed.append(_failed(day, run.name, error))
        else:
            superseded = stored.superseded if stored else None
            self._report.pushed.append(Pushed(day.name, run.name, run.size, superseded))

    async def _send(self, day: Day, run: ArchivedRun, *, look_first: bool) -> Stored | None:
        with ExitStack() as opened:
            async with self._under_way.share(run.size):
                async with self._reading:
                    planned = await plan(opened, day, run, tried_before=look_first)
                return None if self._report.dry_run else await self._put(planned)

    async def _put(self, run: PlannedRun) -> Stored:
        def put(again: bool) -> Awaitable[Stored]:  # noqa: FBT001 - as `Through.get` calls it
            return self._tools.store.put(replace(run, tried_before=True) if again else run)

        try:
            return await self._through.get(put)
        except Rejected as rejected:
            raise Broken("it was written to while it was sent") from rejected


def _failed(day: Day, run: str, error: StoreError) -> Problem:
    reason = f"{error}{f'; {error.hint}' if error.hint else ''}"
    return Problem(day.name, run, reason, may_pass=not isinstance(error, Refused))


def _days_side_by_side() -> int:
    """As many as there are descriptors for; a shell's usual limit of 1,024 is too low for all."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DAYS_SIDE_BY_SIDE * FILES_OF_A_RUN + OTHER_FILES
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(1, (limit - OTHER_FILES) // FILES_OF_A_RUN)
