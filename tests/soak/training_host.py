"""One host of the soak: its daemon, started again whenever it ends, and what is measured of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from processes import Process, descendants

from support.daemon_process import DaemonProcess
from support.site import Site
from support.waiting import eventually

_LOOK = 2.0  # seconds between two measurements
_REST = 0.2  # seconds before the next daemon
_STOPS = 60.0  # seconds, thirty times as long as the daemon may drain
_MIB = 1024 * 1024
_NEEDS_NO_HANDLER = (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT)
_DEADLY = (signal.SIGKILL, signal.SIGTERM)


@dataclass
class Measured:
    """Of one daemon from when it was ready. `rss` in MiB, `fds` open descriptors."""

    rss: list[float] = field(default_factory=list)
    fds: list[int] = field(default_factory=list)

    def look(self, pid: int) -> None:
        with suppress(OSError, ValueError, IndexError):
            pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
            self.rss.append(pages * os.sysconf("SC_PAGESIZE") / _MIB)
            self.fds.append(descriptors)


@dataclass
class TrainingHost:
    """`events` counts log lines by event; `unexpected` are those that no fault explains, and other surprises.

    `shared` is what was handed over for two runs at once, by the names of the files.
    """

    site: Site
    events: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    exits: Counter[int] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    lives: list[Measured] = field(default_factory=list)
    shared: dict[str, bytes] = field(default_factory=dict)
    family: set[Process] = field(default_factory=set)
    daemon: DaemonProcess | None = None
    _doomed: bool = False

    @property
    def name(self) -> str:
        return self.site.home.name

    @property
    def log(self) -> Path:
        """What all of its daemons said."""
        return self.site.home / "daemon.log"

    @property
    def is_up(self) -> bool:
        return self.daemon is not None and not self._doomed and "daemon_ready" in self.daemon.events

    async def live(self, over: asyncio.Event) -> None:
        """As systemd would: a daemon that ends is started again, until it is over and the last one ends."""
        while not over.is_set():
            try:
                await self._life()
            except ValueError as error:
                self.unexpected.append(f"can't be read: {error}")
            await asyncio.sleep(_REST)

    async def _life(self) -> None:
        """Raises `ValueError` for a log that is none."""
        async with self.site.launched() as daemon:
            self.daemon, self._doomed = daemon, False
            self.lives.append(Measured())
            watching = asyncio.create_task(self._watch(daemon))
            try:
                code = await daemon.gone()
            finally:
                self._doomed = True
                watching.cancel()
        self.exits[code] += 1
        self._read(daemon)

    def strike(self, number: signal.Signals) -> None:
        """A daemon that has not begun yet has no handlers either, and only what needs none reaches it."""
        if self.daemon is None or self.daemon.process.returncode is not None:
            return
        if number in _NEEDS_NO_HANDLER or "daemon_starting" in self.daemon.events:
            self._doomed |= number in _DEADLY
            self.family |= descendants(self.daemon.process.pid)
            with suppress(ProcessLookupError):
                self.daemon.signal(number)
                self.signals[number.name] += 1

    async def stop(self) -> None:
        """The daemon that runs is told to end; after `over` it has no successor."""
        self.strike(signal.SIGTERM)
        daemon = self.daemon
        assert daemon is not None
        try:
            await eventually(lambda: daemon.process.returncode is not None, daemon, _STOPS)
        except AssertionError:
            self.unexpected.append(f"did not stop within {_STOPS:.0f} s")
            self.strike(signal.SIGKILL)

    async def _watch(self, daemon: DaemonProcess) -> None:
        await daemon.logged("daemon_ready")
        while True:
            self.lives[-1].look(daemon.process.pid)
            self.family |= descendants(daemon.process.pid)
            await asyncio.sleep(_LOOK)

    def _read(self, daemon: DaemonProcess) -> None:
        self.events.update(daemon.events)
        with self.log.open("a", encoding="ascii") as log:
            log.writelines(f"{line.text}\n" for line in daemon.lines)
        bad = [line.text for line in daemon.lines if line.event == "internal_error" or line.level == "critical"]
        self.unexpected += bad
        if daemon.stderr.strip():
            self.unexpected.append(daemon.stderr)
