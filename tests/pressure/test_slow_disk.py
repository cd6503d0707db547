"""A disk that takes a third of a second for each sync: runs take longer, and the event loop never waits for it."""

from __future__ import annotations

from huracan_spool.emulator import Emulator
from support.runs import make_run
from support.site import Site
from support.strace import delaying
from support.trees import expected, remote, without_records


async def test_a_slow_disk_slows_runs_and_not_the_event_loop(connected: Site, dropbox: Emulator) -> None:
    runs = [make_run(number, symbol=f"S{number}/USDT") for number in range(4)]
    async with connected.daemon(*delaying("fsync,fdatasync", 0.3)) as daemon:
        for run in runs:
            run.drop(connected.spool)
        await daemon.settled(*(run.name for run in runs))
    digests = {run.name: connected.receipt(run.name)["digest"] for run in runs}
    assert without_records(remote(dropbox)) == expected(runs, digests)
    assert daemon.complaints == []
