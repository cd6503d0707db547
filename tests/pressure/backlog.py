"""How the daemon stands up to a backlog: `tests/pressure/backlog.py [--runs N] [--settled N] [--inspection]`.

Puts runs (100,000) of one small file into a spool, starts the daemon on it with the local archive, waits until so
many of them (2,000) have their receipts, and tells what it took: seconds to the first receipt and to the end of
the first look, how many runs a second at the beginning and at the end, memory, and whether the loop was blocked.
Memory is the daemon's own, and the most that it and its children had together, a shared page counted once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.daemon_process import DaemonProcess
from support.site import Site

CONTENT = b'{"metrics": {"sharpe_ratio": 1.5}}'


@dataclass
class Measured:
    """Seconds since the daemon's start, KiB."""

    ready: float = 0.0
    settled_at: list[float] = field(default_factory=list)
    most_memory: int = 0
    most_together: int = 0
    blocked: int = 0


def name_of(number: int) -> str:
    return f"B{number:06d}"


def fill(spool: Path, runs: int) -> None:
    """Each is of another symbol and day, so that no two wait for each other."""
    spool.mkdir(mode=0o770)
    for number in range(runs):
        drop(spool, number)


def drop(spool: Path, number: int) -> None:
    name = name_of(number)
    (spool / f"{name}.json").write_bytes(CONTENT[:-1] + b', "n": %d}' % number)
    manifest = {
        "version": 1,
        "symbol": f"S{number}/USDT",
        "trained_at": "2025-11-12T08:00:00Z",
        "artifacts": {"metrics": f"{name}.json"},
    }
    fresh = spool / f".{name}"
    fresh.write_text(json.dumps(manifest))
    fresh.rename(spool / f"{name}.manifest.json")


async def follow(daemon: DaemonProcess, began: float, settled: int, measured: Measured) -> None:
    """Until so many have their receipts."""
    seen = 0
    while len(measured.settled_at) < settled:
        await asyncio.sleep(0.1)
        now = time.monotonic() - began
        measured.most_memory = max(measured.most_memory, memory(daemon.process.pid))
        measured.most_together = max(measured.most_together, together(daemon.process.pid))
        for line in daemon.lines[seen:]:
            if line.event == "daemon_ready":
                measured.ready = now
            if line.event == "comprehensive_dropbox_upload_complete":
                measured.settled_at.append(now)
        seen = len(daemon.lines)
        assert daemon.process.returncode is None, daemon


def memory(pid: int) -> int:
    """Resident, in KiB, as the kernel's high-water mark."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def together(pid: int) -> int:
    """Proportional, in KiB, of a process and all below it."""
    total = 0
    for process in descendants(pid):
        with suppress(OSError):  # it has ended meanwhile
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def descendants(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from descendants(int(child))


async def measure(home: Path, runs: int, settled: int, *, inspection: bool) -> Measured:
    site = Site(home, {"spool.inspection": "strict" if inspection else "off", "log.level": "info"})
    fill(site.spool, runs)
    measured = Measured()
    began = time.monotonic()
    async with site.launched() as daemon:
        await follow(daemon, began, settled, measured)
        measured.blocked = daemon.events.count("event_loop_blocked")
    return measured


def tell(measured: Measured) -> None:
    times = measured.settled_at
    tenth = max(1, len(times) // 10)
    ready = f"{measured.ready:.1f} s" if measured.ready else "later"
    print(f"first receipt          {times[0]:.1f} s")
    print(f"end of the first look  {ready}")
    print(f"a second, first tenth  {tenth / max(0.1, times[tenth - 1] - times[0]):.1f}")
    print(f"a second, last tenth   {tenth / max(0.1, times[-1] - times[-tenth]):.1f}")
    print(f"resident memory        {measured.most_memory / 1024:.0f} MiB")
    print(f"with its children      {measured.most_together / 1024:.0f} MiB")
    print(f"blocked loops          {measured.blocked}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--settled", type=int, default=2_000)
    parser.add_argument("--inspection", action="store_true", help="strict, as it is by default")
    parser.add_argument("--home", type=Path, help="where the spool lies meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.home) as folder:
        home = Path(folder) / "host"
        tell(asyncio.run(measure(home, options.runs, options.settled, inspection=options.inspection)))
