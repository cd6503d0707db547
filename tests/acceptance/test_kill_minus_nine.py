"""kill -9, again and again, at whatever the daemon is doing; then a daemon that is left alone."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import pytest

from huracan_spool.emulator import Emulator, Fault
from support.daemon_process import DaemonProcess
from support.producer_process import Published
from support.site import Site
from support.strace import killing
from support.training import train
from support.trees import expected, records, remote, without_records
from support.waiting import eventually

RUNS = 30
KILLS = 8
SYSTEM_CALLS = ("fsync", "renameat", "renameat2", "unlinkat")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_kill_shows_in_the_end(connected: Site, dropbox: Emulator, seed: int) -> None:
    rng = random.Random(seed)
    connected.spool.mkdir(mode=0o770)
    producers = asyncio.create_task(train(connected.spool, RUNS, processes=2, size="small"))
    for _ in range(KILLS):
        await _life(connected, dropbox, rng, producers)
    published = await producers
    async with connected.daemon() as daemon:
        await eventually(lambda: len(connected.receipts()) == RUNS and not connected.in_spool(), daemon)
    receipts = [connected.receipt(run.name) for run in published]
    assert {receipt["status"] for receipt in receipts} == {"uploaded"}
    digests = {receipt["run"]: receipt["digest"] for receipt in receipts}
    assert without_records(remote(dropbox)) == expected(published, digests)
    assert records(dropbox) == digests
    assert set(connected.kept_models()) == _newest_three(published)
    assert connected.in_failed() == {}
    assert not [write for write in dropbox.writes if write.op in {"overwrite", "delete"}]


async def _life(site: Site, dropbox: Emulator, rng: random.Random, producers: asyncio.Task[object]) -> None:
    """A daemon from its start to a moment of which only the seed knows, or until nothing is left to do."""
    moment, number = rng.choice(["line", "request", "system call"]), rng.randint(2, 20)
    held = dropbox.faults.add(Fault(route="*", kind="hold", call=number)) if moment == "request" else None
    wrapper = killing(rng.choice(SYSTEM_CALLS), number) if moment == "system call" else ()

    def over(daemon: DaemonProcess) -> bool:
        reached = held.reached.is_set() if held else moment == "line" and len(daemon.lines) >= number
        idle = producers.done() and "daemon_ready" in daemon.events and not site.in_spool()
        return reached or idle or daemon.process.returncode is not None

    async with site.launched(*wrapper) as daemon:
        await eventually(lambda: over(daemon), f"{moment} {number}")
    dropbox.faults.clear()  # a request that was held takes effect after its sender's death


def _newest_three(published: Sequence[Published]) -> set[str]:
    models = defaultdict(list)
    for run in published:
        folder = run.symbol.replace("/", "-")
        models[folder].append(f"{folder}/{run.stamp}_{run.name}_model.pt")
    return {path for paths in models.values() for path in sorted(paths)[-3:]}
