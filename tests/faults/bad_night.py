"""A bad night on simulated time, and its log: `python bad_night.py` prints it as an operator would read it.

The token is revoked and somebody logs in again an hour later; the network is down for six hours; the disk runs
full; one run is poisoned; Dropbox asks for fewer calls for half an hour. Runs arrive all the time.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.logs import render_text
from support.hosts import Host, host
from support.logbook import Line, logs_apart
from support.runs import make_run
from support.virtual_time import in_virtual_time, now

MINUTE, HOUR = 60.0, 3600.0
REST = 20 * MINUTE  # longer than the longest wait between two probes
EPOCH = 1_772_323_200.0  # midnight


@contextmanager
def disk(place: Path, size: str = "64m") -> Iterator[Path]:
    """A small file system of its own."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "night", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


async def night(folder: Path, hours_down: float) -> list[Line]:
    options = EmulatorOptions(https=None, root=folder / "dropbox", clock=lambda: EPOCH + now())
    with disk(folder / "disk") as place:
        async with Emulator(options) as dropbox, host(place / "host", dropbox) as daemon:
            await _a_run_every(10 * MINUTE, daemon, first=0, count=2)
            await _revoked_token(dropbox, daemon)
            await _network_down(dropbox, daemon, hours_down)
            await _full_disk(place, daemon)
            _poisoned_run(daemon)
            await _too_many_calls(dropbox, daemon)
            assert await daemon.quiet(2 * HOUR), daemon.site.in_spool()
        return daemon.log


async def _a_run_every(seconds: float, daemon: Host, *, first: int, count: int) -> None:
    for number in range(first, first + count):
        make_run(number).publish(daemon.site.spool)
        await asyncio.sleep(seconds)


async def _revoked_token(dropbox: Emulator, daemon: Host) -> None:
    dropbox.revoke_refresh_token()
    dropbox.expire_tokens()
    await _a_run_every(10 * MINUTE, daemon, first=10, count=6)
    dropbox.restore_refresh_token()
    await asyncio.sleep(REST)


async def _network_down(dropbox: Emulator, daemon: Host, hours: float) -> None:
    fault = dropbox.faults.add(Fault(route="*", kind="refuse", times=None))
    await _a_run_every(20 * MINUTE, daemon, first=20, count=round(3 * hours))
    dropbox.faults.remove(fault.number)
    await asyncio.sleep(REST)


async def _full_disk(place: Path, daemon: Host) -> None:
    for number in range(60, 63):
        make_run(number).publish(daemon.site.spool)
    with (place / "ballast").open("wb") as ballast:
        space = os.statvfs(place)
        os.posix_fallocate(ballast.fileno(), 0, space.f_bavail * space.f_frsize)
    await asyncio.sleep(20 * MINUTE)
    (place / "ballast").unlink()
    await asyncio.sleep(REST)


async def _too_many_calls(dropbox: Emulator, daemon: Host) -> None:
    fault = dropbox.faults.add(
        Fault(route="*", kind="rate_limit", tag="too_many_requests", retry_after=300, times=None)
    )
    await _a_run_every(5 * MINUTE, daemon, first=70, count=6)
    dropbox.faults.remove(fault.number)
    await asyncio.sleep(REST)


def _poisoned_run(daemon: Host) -> None:
    run = make_run(90)
    manifest = run.manifest()
    manifest["artifacts"]["metrics"]["sha256"] = "0" * 64
    run.drop(daemon.site.spool, manifest)


def told(line: Line) -> str:
    fields = {name: value for name, value in line.items() if name not in {"event", "level"}}
    return render_text("", line["level"], line["event"], fields).removeprefix("[] ")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, logs_apart():
        for line in in_virtual_time(night(Path(folder), hours_down=6)):
            print(told(line))


if __name__ == "__main__":
    main()
