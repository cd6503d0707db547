"""How the daemon stands up to a backlog: `python tests/pressure/backlog.py [RUNS] [SETTLED] [FOLDER]`.

Puts RUNS runs (100,000) of one small file into a spool, starts the daemon on it with the local archive, waits until
SETTLED of them (2,000) have their receipts, and tells what it took: seconds to the first receipt and to the end of
the first look, how many runs a second at the beginning and at the end, memory, and whether the loop was blocked.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
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


async def measure(home: Path, runs: int, settled: int) -> Measured:
    site = Site(home, {"spool.inspection": "off", "log.level": "info"})
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
    print(f"blocked loops          {measured.blocked}")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:3]]
    with tempfile.TemporaryDirectory(dir=sys.argv[3] if len(sys.argv) > 3 else None) as folder:
        tell(asyncio.run(measure(Path(folder) / "host", *(numbers + [100_000, 2_000][len(numbers) :]))))
