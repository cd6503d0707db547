"""The daemon as a process of its own, followed by its log."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from support.loglines import LogLine, parse_line
from support.waiting import within

_LONGEST_LINE = 1024 * 1024


class DaemonProcess:
    """`lines` is the log so far; a line that can't be parsed ends the test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[LogLine] = []
        self.stderr = ""
        self._news = asyncio.Condition()
        self._over = False
        self._reading = [asyncio.create_task(self._read()), asyncio.create_task(self._read_stderr())]

    async def logged(self, event: str, *, after: int = 0, **fields: Any) -> LogLine:
        """The first line of this kind from line number `after` on; fields compare with their text."""
        return (await self.logged_times(1, event, after=after, **fields))[0]

    async def logged_times(self, times: int, event: str, *, after: int = 0, **fields: Any) -> list[LogLine]:
        found: list[LogLine] = []

        def enough() -> bool:
            found[:] = [line for line in self.lines[after:] if line.has(event, fields)]
            return len(found) >= times or self._over

        async with self._news:
            await within(self._news.wait_for(enough), self)
        assert len(found) >= times, f"ended without {times} x {event} {fields}:\n{self}"
        return found

    async def settled(self, *runs: str) -> None:
        for run in runs:
            await self.logged("temp_files_cleaned_up", run=run)

    def __str__(self) -> str:
        return f"{self.log}\n{self.stderr}"

    @property
    def log(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def events(self) -> list[str]:
        return [line.event for line in self.lines]

    @property
    def complaints(self) -> list[str]:
        """Every line above info but the one about the group, which no test host has."""
        loud = [line for line in self.lines if line.level not in {"debug", "info"}]
        return [line.text for line in loud if line.event != "spool_is_odd"]

    def signal(self, number: signal.Signals) -> None:
        """Raises `ProcessLookupError`. The process' own method first looks whether it has ended, and if so takes
        its exit code away from asyncio, which then makes up 255.
        """
        if self.process.returncode is not None:
            raise ProcessLookupError
        os.kill(self.process.pid, number)

    async def ended(self) -> int:
        """The exit code, once it has ended and its last line is read."""
        code = await within(self.process.wait(), self)
        await asyncio.gather(*self._reading)
        return code

    async def gone(self) -> int:
        """The exit code, whenever that may be. Raises `ValueError` as soon as a line can't be read."""
        await asyncio.gather(*self._reading)
        return await self.process.wait()

    async def killed(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.ended()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            async for line in self.process.stdout:
                self.lines.append(parse_line(line.decode("ascii").removesuffix("\n")))
                async with self._news:
                    self._news.notify_all()
        finally:
            self._over = True
            async with self._news:
                self._news.notify_all()

    async def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        self.stderr = (await self.process.stderr.read()).decode(errors="replace")


@asynccontextmanager
async def started(command: Sequence[str], environ: Mapping[str, str]) -> AsyncIterator[DaemonProcess]:
    """A process that is stopped with its block, without mercy if it is still there."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )
    daemon = DaemonProcess(process)
    try:
        yield daemon
    finally:
        await daemon.killed()
