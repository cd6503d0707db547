"""The whole thing: producers in processes of their own, a daemon set up as documented, an emulated Dropbox.

By default the models are small. `HURACAN_TEST_RUNS=realistic` makes them 8 MB, with 100,000 candles and
3,600 trades: 2.4 GB in all, once in the spool and once in the emulator, and a minute on two cores.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from huracan_spool.emulator import Emulator
from support.site import Site
from support.training import train
from support.trees import archived, expected, remote, without_records
from support.waiting import eventually

RUNS = 200
SIZE = os.environ.get("HURACAN_TEST_RUNS", "small")
FOUR_LINES = (
    "run_queued",
    "starting_comprehensive_dropbox_upload",
    "comprehensive_dropbox_upload_complete",
    "temp_files_cleaned_up",
)


@pytest.mark.timeout(1200)
async def test_two_hundred_runs_arrive_byte_for_byte(site: Site, dropbox: Emulator) -> None:
    site.connect(dropbox)
    site.settings["spool.settle"] = "2s"
    async with site.daemon() as daemon:
        published = await train(site.spool, RUNS, processes=4, size=SIZE)
        await eventually(lambda: len(site.receipts()) == RUNS and not site.in_spool(), daemon, deadline=900)
        await daemon.logged_times(RUNS, "temp_files_cleaned_up")
    digests = {run.name: site.receipt(run.name)["digest"] for run in published}
    assert without_records(remote(dropbox)) == expected(published, digests)
    assert daemon.complaints == []
    assert site.in_failed() == {}
    told = Counter(line.event for line in daemon.lines if "run" in line.fields)
    assert told == dict.fromkeys(FOUR_LINES, RUNS)
    results = [line.fields["results"] for line in daemon.lines if "results" in line.fields]
    assert results == [dict.fromkeys(("model", "metrics", "features", "candle_data", "trades"), True)] * RUNS


async def test_without_credentials_the_same_tree_lies_in_the_local_archive(site: Site) -> None:
    async with site.daemon() as daemon:
        published = await train(site.spool, 20, processes=2, size="small")
        await eventually(lambda: len(site.receipts()) == 20 and not site.in_spool(), daemon)
    digests = {run.name: site.receipt(run.name)["digest"] for run in published}
    assert without_records(archived(site.archive)) == expected(published, digests)
    assert [line.event for line in daemon.lines if line.level != "info"] == [
        "spool_is_odd",
        "dropbox_not_configured",
    ]
