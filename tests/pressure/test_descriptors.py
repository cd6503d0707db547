"""Descriptors that run out: nothing is lost, nothing is blamed on a run, and all goes on when there are more."""

from __future__ import annotations

import os
import resource
from dataclasses import replace
from pathlib import Path

from huracan_spool.emulator import Emulator
from support.daemon_process import DaemonProcess
from support.runs import make_run, only
from support.site import Site
from support.trees import expected, remote, without_records

IMPATIENT = {"retry.run_first": "0.1s", "retry.run_max": "0.3s", "spool.rescan_interval": "0.2s"}


async def test_a_daemon_with_few_descriptors_does_its_work_all_the_same(connected: Site, dropbox: Emulator) -> None:
    connected.settings |= IMPATIENT
    runs = [make_run(number, symbol=f"S{number}/USDT") for number in range(20)]
    async with connected.daemon("prlimit", "--nofile=64:64") as daemon:
        for run in runs:
            run.drop(connected.spool)
        await daemon.settled(*(run.name for run in runs))
    digests = {run.name: connected.receipt(run.name)["digest"] for run in runs}
    assert without_records(remote(dropbox)) == expected(runs, digests)
    assert connected.in_failed() == {}


async def test_descriptors_that_run_out_for_a_while_cost_no_run(connected: Site, dropbox: Emulator) -> None:
    """Two manifests name one file. One that can't be read then must not be taken for one that names nothing."""
    connected.settings |= IMPATIENT | {"spool.inspection": "off"}
    base = only(make_run(0), "metrics", "trades")
    second = replace(only(make_run(1), "trades"), name="second", symbol="BTC/USDT")
    manifest = second.manifest()
    manifest["artifacts"]["metrics"] = base.file("metrics")
    async with connected.daemon() as daemon:
        enough = _leave(daemon, 0)
        base.drop(connected.spool)
        second.drop(connected.spool, manifest)
        failed = await daemon.logged("rescan_failed")
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, enough)
        await daemon.settled(base.name, second.name)
        await daemon.logged("trouble_over", what="rescan_failed")
    assert "Too many open files" in failed.fields["error"]
    both = [base, replace(second, contents=second.contents | {"metrics": base.contents["metrics"]})]
    digests = {run.name: connected.receipt(run.name)["digest"] for run in both}
    assert without_records(remote(dropbox)) == expected(both, digests)
    assert connected.in_failed() == {}


def _leave(daemon: DaemonProcess, spare: int) -> tuple[int, int]:
    """Let it have that many descriptors more than it has open; returns the limits that it had."""
    pid = daemon.process.pid
    opened = max(int(fd) for fd in os.listdir(Path(f"/proc/{pid}/fd")))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (opened + 1 + spare, before[1]))
    return before
