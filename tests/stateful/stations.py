"""A host of the model: its spool and state stay, its daemon comes and goes."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path

from huracan_spool.emulator import Emulator
from huracan_spool.inspecting import Inspector
from huracan_spool.inspection.child import load_checks, look
from huracan_spool.inspection.forks import Forks
from huracan_spool.inspection.report import Report
from huracan_spool.inspection.window import Window
from huracan_spool.spool.opening import OpenRun
from huracan_spool.threads import in_thread
from support.hosts import Host, HostOptions, host
from support.logbook import Line
from support.site import Site

# Housekeeping goes by the machine's own clock; what it forgets after two months must not be older than that.
_BEGAN = datetime(2040, 1, 1, tzinfo=UTC)


class InspectorInThread(Inspector):
    """The same looks and the same judgement, in this process: another one would be on another clock."""

    async def look_at(self, entry: OpenRun) -> Report:
        windows = {kind: Window(file.fd, file.identity.size) for kind, file in entry.files.items()}
        return await in_thread(look, windows, load_checks(list(windows)))


def strict() -> Inspector:
    return InspectorInThread(strict=True, seconds_for=lambda _: 60.0, forks=Forks())


class Station:
    """`books` are the logs of its daemons, one after the other."""

    def __init__(self, home: Path, emulator: Emulator, *, archive: bool, inspector: Inspector | None) -> None:
        self.site = Site(home)
        self.wall_offset = 0.0
        self.books: list[list[Line]] = []
        self.lives = 0
        self.cut_short = 0
        self._clock = asyncio.get_running_loop().time
        self._emulator = emulator
        self._archive = archive
        self._inspector = inspector
        self._life: asyncio.Task[None] | None = None
        self._daemon: Host | None = None
        self._leave = asyncio.Event()

    @property
    def daemon(self) -> Host | None:
        """The one that is up."""
        return self._daemon if self._life is not None and not self._life.done() else None

    @property
    def died_of(self) -> BaseException | None:
        """Why a daemon has ended that nobody had stopped or killed."""
        daemon = self._daemon
        if daemon is None or self._leave.is_set() or not daemon.running.done():
            return None
        return daemon.running.exception() or SystemExit("nothing")

    async def start(self) -> None:
        self.lives += 1
        self._leave = asyncio.Event()
        up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._live(up), context=copy_context())
        await asyncio.wait([self._life, up], return_when=asyncio.FIRST_COMPLETED)
        if self._life.done():
            self._life.result()

    async def stop(self) -> None:
        self._leave.set()
        if self._life is not None:
            await self._life

    async def kill(self) -> None:
        self._die()
        await self.stop()

    def kill_after(self, steps: int | None) -> None:
        """Let so many steps on the disk begin, and kill it before the next; None takes that back."""
        if self.daemon is not None:
            self.daemon.threads.end_after(steps, self._cut_short)

    def wall(self) -> datetime:
        """Threads ask as well."""
        return _BEGAN + timedelta(seconds=self._clock() + self.wall_offset)

    def _cut_short(self) -> None:
        self.cut_short += 1
        self._die()

    def _die(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
        self._leave.set()

    async def _live(self, up: asyncio.Future[None]) -> None:
        options = HostOptions(seed=self.lives, archive=self._archive, inspector=self._inspector, wall=self.wall)
        async with host(self.site.home, self._emulator, options) as self._daemon:
            self.books.append(self._daemon.log)
            up.set_result(None)
            await self._leave.wait()
