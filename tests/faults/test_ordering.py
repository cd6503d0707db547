"""Several daemons with one account, at the same symbol and date: what is left depends only on the set of runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from huracan_spool.emulator import Emulator, Fault
from support.runs import Run, make_run, only
from support.site import Site
from support.trees import expected, records, remote, without_records

FINISH = "files/upload_session/finish_batch_v2"
MOVE = "files/move_batch_v2"
ROUTES = (FINISH, MOVE, "files/list_folder", "files/upload_session/append_batch", "files/copy_batch_v2")


def storm(seed: int) -> list[Fault]:
    """Lost replies, cut connections, contention: each strikes now and then."""
    rng = random.Random(seed)
    kinds = (
        {"kind": "reset_after"},
        {"kind": "reset_before"},
        {"kind": "server_error", "status": 503, "after_effect": True},
        {"kind": "rate_limit", "tag": "too_many_write_operations"},
        {"kind": "truncate", "after_bytes": 10},
    )
    return [
        Fault(route=rng.choice(ROUTES), call=rng.randint(1, 6), **rng.choice(kinds))  # type: ignore[arg-type]
        for _ in range(8)
    ]


def day_of_runs() -> list[Run]:
    """Late, equal and future times; identical files in several runs; runs with fewer kinds."""
    runs = [make_run(seed) for seed in range(5)]
    twin = replace(make_run(2), name="twin_of_2", contents={**runs[2].contents, "metrics": b'{"twin": 1}'})
    same_model = replace(
        runs[3],
        contents={**runs[3].contents, "model": runs[1].contents["model"], "trades": runs[0].contents["trades"]},
    )
    future = replace(make_run(6), name="from_the_future", trained_at=datetime(2031, 1, 1, 10, tzinfo=UTC))
    future_too = replace(make_run(7), name="future_too", trained_at=datetime(2031, 1, 1, 9, tzinfo=UTC))
    return [
        runs[0],
        only(runs[1], "model", "candles"),
        runs[2],
        only(twin, "model", "metrics", "features", "trades"),
        same_model,
        only(runs[4], "metrics"),
        future,
        future_too,
    ]


def hosts(folder: Path, dropbox: Emulator, count: int) -> list[Site]:
    sites = []
    for number in range(count):
        site = Site(folder / f"host{number}", {"spool.settle": "0.2s"})
        site.connect(dropbox)
        # The faults, not the pauses between calls, are what is to be seen here.
        site.settings |= {
            "upload.calls_per_second": "1000",
            "retry.call_first": "0.02s",
            "retry.call_max": "0.1s",
            "retry.run_first": "0.2s",
            "retry.run_max": "1s",
            "spool.rescan_interval": "1s",
        }
        site.spool.mkdir(mode=0o700)
        sites.append(site)
    return sites


def nothing_was_overwritten(dropbox: Emulator) -> bool:
    return not [write for write in dropbox.writes if write.op in {"overwrite", "delete"}]


async def emptied(site: Site, kills: random.Random, most_kills: int) -> None:
    """Daemons that are killed at any moment until enough have been, and the one after them that has it all done."""
    for _ in range(most_kills):
        async with site.daemon() as daemon:
            calls = kills.randint(1, 4)
            done = asyncio.create_task(site.empty())
            started = asyncio.create_task(daemon.logged_times(calls, "starting_comprehensive_dropbox_upload"))
            await asyncio.wait({done, started}, return_when=asyncio.FIRST_COMPLETED)
            for task in (done, started):
                task.cancel()
            await asyncio.gather(done, started, return_exceptions=True)
            await daemon.killed()
    async with site.daemon():
        await site.empty()


async def upload(sites: Iterable[tuple[Site, list[Run]]], seed: int, kills: int) -> None:
    async with asyncio.TaskGroup() as hosts_at_work:
        for number, (site, runs) in enumerate(sites):
            for run in runs:
                run.publish(site.spool)
            hosts_at_work.create_task(emptied(site, random.Random(seed * 10 + number), kills))


@pytest.mark.parametrize(("seed", "count", "kills"), [(1, 2, 0), (2, 2, 2), (3, 2, 2), (4, 3, 1)])
async def test_the_tree_depends_on_the_runs_alone(
    dropbox: Emulator, tmp_path: Path, seed: int, count: int, kills: int
) -> None:
    """Whoever uploads what, in whatever order, with lost replies and killed daemons in between."""
    runs = day_of_runs()
    random.Random(seed).shuffle(runs)
    sites = hosts(tmp_path, dropbox, count)
    for fault in storm(seed):
        dropbox.faults.add(fault)

    await upload([(site, runs[number::count]) for number, site in enumerate(sites)], seed, kills)

    digests = records(dropbox)
    assert digests.keys() == {run.name for run in runs}
    assert without_records(remote(dropbox)) == expected(runs, digests)
    assert nothing_was_overwritten(dropbox)
    for number, site in enumerate(sites):
        for run in runs[number::count]:
            assert site.receipt(run.name)["status"] == "uploaded"
