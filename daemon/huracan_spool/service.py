"""The daemon's life: background tasks, signals, draining. The only file that starts background tasks.

Stopping is the reverse of starting: no run is taken up any more, those under way end or give their entry back
(it is still in the spool), then the store's connections and the ledger close. A background task that dies ends
the daemon, and systemd starts it again.
"""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog

from huracan_spool.activity import RECENT, Activity
from huracan_spool.due_queue import DueQueue
from huracan_spool.errors import HuracanSpoolError, StoreError
from huracan_spool.ledger import Ledger
from huracan_spool.logs import RepeatedProblem
from huracan_spool.outcome import Gone, Later, Outcome, Parked, Pause, Settled
from huracan_spool.pauses import Pauses
from huracan_spool.pipeline import Pipeline
from huracan_spool.pulse import Pulse
from huracan_spool.recent import recent_runs
from huracan_spool.record import rfc3339_at
from huracan_spool.spool.directory import Spool, UnsafeSpool
from huracan_spool.spool.following import Following
from huracan_spool.spool.index import Leftovers
from huracan_spool.spool.pending import Pending
from huracan_spool.spool.receipts import prune_receipts
from huracan_spool.spool.recovery import recover
from huracan_spool.standing import Standing
from huracan_spool.stores.base import Store
from huracan_spool.systemd import notify, watchdog_seconds
from huracan_spool.threads import in_thread
from huracan_spool.watcher import Watcher

# Runs that are read, on their way or waiting for a commit that they share. What loads the host is limited
# elsewhere: files read at a time (upload.workers), bodies sent at a time (upload.connections), bytes under way.
MOST_RUNS_UNDER_WAY = 256
FILES_OF_A_RUN = 8  # descriptors, with room
WATCH_AGAIN = 5.0  # seconds between two tries to watch a spool that could not be watched
LOOK_AFTER = 1.0  # seconds between two looks at whether the spool and the watcher are still there
HOUSEKEEPING = 3600.0
LONGEST_BEAT = 15.0
BEATS_EXTEND = 60_000_000  # microseconds
FIRST_TRIES_KEPT = 60 * 86400.0


class Surface(Protocol):
    """Where people and machines look at the daemon."""

    async def run(self) -> None:
        """Serve until it is cancelled. What keeps it from serving is logged, and no reason to end."""
        ...


class SpoolReplaced(HuracanSpoolError):
    """The spool was replaced by something that can't be trusted."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Times in seconds."""

    spool_path: Path
    rescan_interval: float
    receipts_keep: float
    drain_timeout: float


class Service:
    """`run` is the daemon; the other public methods are what signals ask for."""

    def __init__(
        self,
        options: ServiceOptions,
        spool: Spool,
        store: Store,
        ledger: Ledger,
        make_pipeline: Callable[[Pending], Pipeline],
        activity: Activity,
        make_surface: Callable[[Callable[[], Standing]], Surface],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._spools = Following(spool)
        self._store = store
        self._ledger = ledger
        self._clock = now
        self._kick = asyncio.Event()
        self._rescan_wanted = asyncio.Event()
        self._hints = asyncio.Event()
        self._hinted = set[str]()
        self._stopping = asyncio.Event()
        self._queue = DueQueue()
        self._pauses = Pauses(store, ledger, activity, now, waiting=lambda: len(self._queue), wake=self._kick.set)
        self._pending = Pending(spool, self._queue, now, self._kick.set)
        self._pipeline = make_pipeline(self._pending)
        self._activity = activity
        self._surface = make_surface(self.standing)
        self._orphans_told = 0
        self._trouble: defaultdict[str, RepeatedProblem] = defaultdict(RepeatedProblem)  # by event
        self._log = structlog.get_logger()
        self._resources = ExitStack()
        self._watcher: Watcher | None = None
        self._watch_again_at = 0.0
        self._attempts = set[asyncio.Task[None]]()
        self._settled = 0
        self._ready = False

    # -- what signals ask for

    def stop(self) -> None:
        self._stopping.set()

    def rescan_now(self) -> None:
        """Look at the spool again, and let everything that waits be due."""
        self._rescan_wanted.set()
        self._queue.all_due(self._clock())
        self._pauses.probe_soon()
        self._kick.set()

    # -- what others see

    def standing(self) -> Standing:
        now = self._clock()
        return Standing(
            store=self._store.name,
            pending=len(self._pending),
            oldest_published=self._pending.oldest_published(),
            delayed=len(self._queue) - self._queue.due_now(now),
            stopping=self._stopping.is_set(),
            paused=self._pauses.now(),
        )

    # -- the life

    async def run(self) -> None:
        """Until `stop` is called. Raises `SpoolReplaced`, and whatever kills a background task."""
        with self._spools, self._resources:
            recovered = await in_thread(recover, self._spools.current)
            for run in recovered.quarantined:
                self._log.warning("interrupted_quarantine_finished", run=run)
            if recovered.unexplained:
                self._log.warning("leftovers_not_explained", names=list(recovered.unexplained))
            await self._recall()
            self._watch()
            await self._work_until_stopped()

    async def _recall(self) -> None:
        """What earlier daemons did last, for people who look."""
        with suppress(OSError):
            self._activity.remember(await in_thread(recent_runs, self._options.spool_path, RECENT))

    async def _work_until_stopped(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            beside = [
                tasks.create_task(each)
                for each in (
                    self._surface.run(),
                    self._beat(),
                    self._follow_hints(),  # who cleans up must know of manifests that name the same files
                )
            ]
            background = [
                tasks.create_task(each)
                for each in (
                    self._warm_up(),
                    self._rescans(),
                    self._look_after(),
                    self._pauses.probes(),
                    self._pauses.take_notes(),
                    self._housekeeping(),
                    self._begin_attempts(tasks),
                )
            ]
            await self._stopping.wait()
            for task in background:
                task.cancel()
            late = await self._drain()
            for task in (*late, *beside):
                task.cancel()
        self._log.info("daemon_stopped", settled=self._settled, pending=len(self._pending), cut_short=len(late))

    async def _drain(self) -> set[asyncio.Task[None]]:
        """Let what is under way end; returns what does not within `drain_timeout`."""
        if not self._attempts:
            return set()
        _, late = await asyncio.wait(self._attempts, timeout=self._options.drain_timeout)
        return late

    # -- intake

    async def _rescans(self) -> None:
        """The first one makes the daemon ready; uploads begin while it still goes on."""
        while not await self._rescan():  # noqa: ASYNC110 - what it waits for is on the disk
            await asyncio.sleep(LOOK_AFTER)
        self._ready = True
        notify("READY=1")
        self._log.info(
            "daemon_ready", spool=self._options.spool_path, pending=len(self._pending), store=self._store.name
        )
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.rescan_interval):
                    await self._rescan_wanted.wait()
            self._rescan_wanted.clear()
            await self._rescan()

    async def _rescan(self) -> bool:
        began = self._clock()
        try:
            with self._spools.in_use() as spool:
                leftovers = await self._pending.rescan(spool)
        except (OSError, sqlite3.Error) as error:
            self._activity.rescan_failed(str(error))
            retry_in = self._options.rescan_interval if self._ready else LOOK_AFTER
            self._complain("rescan_failed", error=str(error), retry_in_seconds=retry_in)
            return False
        self._no_more("rescan_failed")
        self._activity.rescanned(self._clock() - began)
        self._report_leftovers(leftovers)
        self._report_status()
        return True

    def _report_leftovers(self, found: Leftovers) -> None:
        for name in found.badly_named:
            self._log.warning(
                "badly_named_manifest",
                name=name,
                action="left alone; a manifest is a file, its name 1 to 128 letters, digits, dots, - and _",
            )
        more = found.badly_named_in_all - len(found.badly_named)
        if more:
            self._log.warning("more_badly_named_manifests", count=more, action="as for those before")
        if found.lasting != self._orphans_told:
            self._log.info("orphans", count=found.lasting, examples=list(found.examples))
        self._orphans_told = self._activity.orphans = found.lasting

    def _watch(self) -> None:
        """Start watching, or start again. Without a watcher the rescans alone find the runs."""
        self._resources.close()
        self._watcher = None
        try:
            watcher = Watcher(self._options.spool_path, self._hint, self._missed_something)
            self._watcher = self._resources.enter_context(watcher)
        except OSError as error:
            self._watch_again_at = self._clock() + WATCH_AGAIN
            self._complain(
                "spool_not_watched",
                error=str(error),
                action=f"runs are found every {self._options.rescan_interval:g} s by the rescan",
            )
        else:
            self._no_more("spool_not_watched")

    def _hint(self, name: str) -> None:
        self._hinted.add(name)
        self._hints.set()

    async def _follow_hints(self) -> None:
        """Look at what events told of: in a thread, for the disk may be slow, and manifests take time to read."""
        while True:
            await self._hints.wait()
            self._hints.clear()
            names, self._hinted = self._hinted, set()
            try:
                with self._spools.in_use() as spool:
                    self._pending.learn(await in_thread(self._pending.look_up, spool, names))
            except (OSError, sqlite3.Error):
                self._missed_something()

    def _missed_something(self) -> None:
        self._pending.missed_something()
        self._rescan_wanted.set()

    async def _look_after(self) -> None:
        """Mend the watcher, and follow the spool when it was deleted or made again."""
        while True:
            asked = self._clock()
            await asyncio.sleep(LOOK_AFTER)
            self._activity.lagged(self._clock() - asked - LOOK_AFTER)
            if problem := await in_thread(self._spools.current.problem):
                raise SpoolReplaced(problem)
            if not await in_thread(self._spools.current.still_there):
                await self._follow_spool()
            else:
                self._mend_watcher()

    def _mend_watcher(self) -> None:
        """A new one sees nothing of what came before it, so a rescan follows."""
        if self._watcher is None:
            if self._clock() < self._watch_again_at:
                return
        elif self._watcher.alive():
            return
        else:
            self._log.warning("watcher_died", action="started again")
        self._watch()
        if self._watcher is not None:
            self._missed_something()

    async def _follow_spool(self) -> None:
        """Attempts under way keep the old spool until they end."""
        path = self._options.spool_path
        try:
            self._pending.now_in(await in_thread(self._spools.follow))
        except UnsafeSpool as error:
            raise SpoolReplaced(str(error)) from error
        except OSError as error:
            self._complain("spool_gone", path=path, error=str(error))
            return
        self._no_more("spool_gone")
        self._log.warning("spool_replaced", path=path, action="going on with the new one")
        self._watch()
        self._rescan_wanted.set()

    def _complain(self, event: str, **fields: Any) -> None:
        """Trouble that may go on for days: told when it begins, and ever more seldom."""
        repeats = self._trouble[event].happened(self._clock())
        if repeats is not None:
            self._log.warning(event, **fields, times=repeats.times)

    def _no_more(self, event: str) -> None:
        repeats = self._trouble[event].ended(self._clock())
        if repeats is not None:
            self._log.info("trouble_over", what=event, times=repeats.times, seconds=round(repeats.seconds, 1))

    # -- work

    async def _begin_attempts(self, tasks: asyncio.TaskGroup) -> None:
        """A task for each run under way."""
        room = asyncio.Semaphore(_runs_under_way())

        def ended(attempt: asyncio.Task[None]) -> None:
            self._attempts.discard(attempt)
            room.release()

        while True:
            await room.acquire()
            attempt = tasks.create_task(self._attempt(await self._next_run()))
            self._attempts.add(attempt)
            attempt.add_done_callback(ended)

    async def _attempt(self, run: str) -> None:
        with self._spools.in_use() as spool:
            with self._activity.attempt(run, self._pending.published(run)):
                outcome = await self._pipeline.attempt(spool, run, partial(self._queue.enter, run))
            self._act(run, outcome)

    async def _next_run(self) -> str:
        """Waits until one is due, and the store can be used."""
        while True:
            self._kick.clear()
            now = self._clock()
            run = self._queue.take(now) if self._pauses.admits() else None
            if run is not None:
                self._pauses.started(run)
                return run
            due = self._queue.next_due() if self._pauses.admits() else None
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.0, due - now)):
                    await self._kick.wait()

    def _act(self, run: str, outcome: Outcome) -> None:
        now = self._clock()
        match outcome:
            case Settled() | Gone():
                self._queue.done(run, now)
                self._settled += isinstance(outcome, Settled)
                with suppress(OSError, sqlite3.Error):  # the next rescan looks as well
                    self._pending.ended(self._spools.current, run)
                self._pauses.tried(run, store_used=isinstance(outcome, Settled) and outcome.store_used)
            case Later(seconds, store_used):
                self._queue.done(run, now, again_at=now + seconds)
                self._activity.retried()
                self._pauses.tried(run, store_used=store_used)
            case Pause():
                self._queue.done(run, now, again_at=now)
                self._pauses.begin(outcome)
            case Parked():
                self._queue.park(run, now)
                self._pauses.tried(run, store_used=False)
        self._kick.set()
        self._report_status()

    async def _warm_up(self) -> None:
        with suppress(StoreError):  # the first run will tell
            await self._store.warm_up()

    def _report_status(self) -> None:
        paused = self._pauses.now()
        state = f", paused: {paused.reason}" if paused else ""
        under_way = len(self._queue.under_way)
        success = self._activity.last_success
        last = "none yet" if success is None else rfc3339_at(success)
        notify(
            f"STATUS={len(self._pending)} pending, {under_way} under way, {self._settled} settled, "
            f"last upload {last}{state}"
        )

    async def _beat(self) -> None:
        """Feed the watchdog while the work moves; before that, have systemd wait for a long first look."""
        pulse = Pulse(self._activity, self.standing, self._options.rescan_interval, self._clock())
        problem = RepeatedProblem()
        while True:
            stuck = pulse.stuck(self._clock())
            if stuck is None:
                notify("WATCHDOG=1" if self._ready else f"EXTEND_TIMEOUT_USEC={BEATS_EXTEND}")
            elif problem.happened(self._clock()):
                self._log.error("work_is_stuck", reason=stuck, action="systemd ends and restarts the daemon")
            await asyncio.sleep(min(LONGEST_BEAT, watchdog_seconds() / 4))

    async def _housekeeping(self) -> None:
        while True:
            try:
                with self._spools.in_use() as spool:
                    await in_thread(prune_receipts, spool, self._options.receipts_keep)
                await in_thread(self._ledger.forget_tries_before, rfc3339_at(time.time() - FIRST_TRIES_KEPT))
            except (OSError, sqlite3.Error) as error:
                self._log.warning(
                    "housekeeping_failed", reason=str(error), action="none: old receipts stay for another hour"
                )
            await asyncio.sleep(HOUSEKEEPING)


def _runs_under_way() -> int:
    """As many as there are descriptors for; a shell's usual limit of 1,024 is too low for all."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_RUNS_UNDER_WAY * FILES_OF_A_RUN + 512
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(1, min(MOST_RUNS_UNDER_WAY, (limit - 256) // FILES_OF_A_RUN))
