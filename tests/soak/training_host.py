"""One host of the soak: its daemon, started again whenever it ends, and what is measured of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from support.daemon_process import DaemonProcess
from support.site import Site
from support.waiting import eventually

_LOOK = 5.0  # seconds between two measurements
_MIB = 1024 * 1024
_NEEDS_NO_HANDLER = (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT)


@dataclass
class Measured:
    """Of one process over its life. `rss` in MiB, `fds` open descriptors: first, most, last."""

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
    """`events` counts log lines by event, `unexpected` are those that no fault explains."""

    site: Site
    events: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    exits: Counter[int] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    lives: list[Measured] = field(default_factory=list)
    daemon: DaemonProcess | None = None

    @property
    def log(self) -> Path:
        """What all of its daemons said."""
        return self.site.home / "daemon.log"

    async def live(self, over: asyncio.Event) -> None:
        """As systemd would: a daemon that ends is started again, until it is over and the last one ends."""
        while not over.is_set():
            async with self.site.launched() as daemon:
                self.daemon = daemon
                self.lives.append(Measured())
                watching = asyncio.create_task(self._measure(daemon.process.pid))
                code = await daemon.process.wait()
                watching.cancel()
            self.exits[code] += 1
            self._read(daemon)

    def strike(self, number: signal.Signals) -> None:
        """A daemon that has not begun yet has no handlers either, and only what needs none reaches it."""
        if self.daemon is not None and (number in _NEEDS_NO_HANDLER or "daemon_starting" in self.daemon.events):
            with suppress(ProcessLookupError):
                self.daemon.signal(number)
                self.signals[number.name] += 1

    async def stop(self) -> None:
        """The daemon that runs is told to end; after `over` it has no successor."""
        await eventually(lambda: self.daemon is not None and "daemon_ready" in self.daemon.events, self.daemon)
        self.strike(signal.SIGTERM)

    async def _measure(self, pid: int) -> None:
        while True:
            self.lives[-1].look(pid)
            await asyncio.sleep(_LOOK)

    def _read(self, daemon: DaemonProcess) -> None:
        self.events.update(daemon.events)
        with self.log.open("a", encoding="ascii") as log:
            log.writelines(f"{line.text}\n" for line in daemon.lines)
        bad = [line.text for line in daemon.lines if line.event == "internal_error" or line.level == "critical"]
        self.unexpected += bad
        if daemon.stderr.strip():
            self.unexpected.append(daemon.stderr)
