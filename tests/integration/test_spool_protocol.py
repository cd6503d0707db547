"""How names come, change and go in the spool, with a real daemon looking."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace

import pytest

from huracan_spool.emulator import Emulator, Fault
from support.runs import Run, make_run, only
from support.site import Site
from support.trees import expected, records, remote, without_records
from support.waiting import within

COMMIT = "files/upload_session/finish_batch_v2"


async def test_hidden_names_and_orphans_are_never_touched(connected: Site) -> None:
    connected.settings["spool.rescan_interval"] = "0.1s"
    run, orphan = make_run(), only(make_run(1), "trades")
    async with connected.daemon() as daemon:
        hidden = connected.spool / f".{orphan.manifest_file}"
        hidden.write_bytes(b"{")
        (connected.spool / orphan.file("trades")).write_bytes(orphan.contents["trades"])
        run.publish(connected.spool)
        await daemon.settled(run.name)
        told = await daemon.logged("orphans", count="1")
    assert told.fields["examples"] == [orphan.file("trades")]
    assert connected.in_spool() == {hidden.name, orphan.file("trades")}


async def test_a_manifest_that_is_taken_back_is_forgotten(connected: Site) -> None:
    connected.settings |= {"spool.settle": "1h", "spool.rescan_interval": "0.1s"}
    run, later = make_run(0), make_run(1)
    async with connected.daemon() as daemon:
        (connected.spool / run.manifest_file).write_bytes(b"{")
        (connected.spool / run.manifest_file).unlink()
        later.publish(connected.spool)
        await daemon.settled(later.name)
    assert connected.receipts() == {later.name}
    assert connected.in_failed() == {}


async def test_a_run_of_which_everything_is_already_there_when_the_daemon_starts(connected: Site) -> None:
    run = make_run()
    async with connected.daemon():
        pass
    run.publish(connected.spool)
    async with connected.daemon() as daemon:
        await daemon.settled(run.name)


async def test_the_same_name_with_new_content_while_the_old_is_on_its_way(
    connected: Site, dropbox: Emulator
) -> None:
    held = dropbox.faults.add(Fault(route=COMMIT, kind="hold"))
    old = make_run(0)
    new = replace(make_run(0), contents=make_run(5).contents)
    async with connected.daemon() as daemon:
        old.publish(connected.spool)
        await within(held.reached.wait(), "the commit")
        _replace(connected, new)
        held.release()
        await daemon.logged_times(2, "temp_files_cleaned_up", run=new.name)
        await connected.empty()
    completed = [line for line in daemon.lines if line.event == "comprehensive_dropbox_upload_complete"]
    assert [set(line.fields["results"].values()) for line in completed] == [{True}, {True}]
    hashes = set(without_records(remote(dropbox)).values())
    assert hashes == {sha256 for run in (old, new) for sha256 in run.published.sha256.values()}
    assert connected.in_failed() == {}


async def test_the_same_files_under_a_corrected_manifest_while_they_are_on_their_way(
    connected: Site, dropbox: Emulator
) -> None:
    """The second submission needs the very files that the first one is about to remove."""
    held = dropbox.faults.add(Fault(route=COMMIT, kind="hold"))
    old = make_run(0)
    new = replace(old, metadata={"note": "corrected"})
    async with connected.daemon() as daemon:
        old.publish(connected.spool)
        await within(held.reached.wait(), "the commit")
        _publish_manifest(connected, new)
        held.release()
        await daemon.logged_times(2, "temp_files_cleaned_up", run=old.name)
        await connected.empty()
    assert connected.receipt(new.name)["status"] == "uploaded"
    assert connected.in_failed() == {}
    digests = {new.name: connected.receipt(new.name)["digest"]}
    assert without_records(remote(dropbox)) == expected([new], digests)


async def test_a_run_that_is_submitted_once_more_is_found_in_the_store(connected: Site, dropbox: Emulator) -> None:
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        await daemon.settled(run.name)
        before = without_records(remote(dropbox))
        run.publish(connected.spool)
        await daemon.logged_times(2, "temp_files_cleaned_up", run=run.name)
    assert without_records(remote(dropbox)) == before
    assert records(dropbox) == {run.name: connected.receipt(run.name)["digest"]}


@pytest.mark.parametrize("order", ["older first", "newer first", "at once"])
async def test_the_fixed_names_hold_the_latest_run_in_whatever_order_they_come(
    connected: Site, dropbox: Emulator, order: str
) -> None:
    runs = [make_run(number) for number in range(3)]
    if order == "newer first":
        runs.reverse()
    async with connected.daemon() as daemon:
        for run in runs:
            run.publish(connected.spool)
            if order != "at once":
                await daemon.settled(run.name)
        await daemon.settled(*(run.name for run in runs))
    digests = {run.name: connected.receipt(run.name)["digest"] for run in runs}
    assert without_records(remote(dropbox)) == expected(runs, digests)


async def test_a_file_that_is_written_to_while_it_is_read_is_tried_again(connected: Site) -> None:
    """Its writer goes on for ever: the run ends in quarantine, with what is there."""
    connected.settings |= {"retry.run_first": "0.01s", "retry.run_max": "0.01s"}
    run = replace(make_run(), contents={"model": bytes(60_000_000)})
    manifest = {"artifacts": {"model": run.file("model")}}
    async with connected.daemon() as daemon:
        path = connected.spool / run.file("model")
        run.drop(connected.spool, run.manifest() | manifest)
        with path.open("r+b", buffering=0) as writer:
            while "run_failed" not in daemon.events:
                writer.write(b"x")
                os.fsync(writer.fileno())
                await asyncio.sleep(0)  # let the log be read
    assert connected.reason(run.name)["code"] == "changed_while_reading"


def _replace(site: Site, run: Run) -> None:
    for kind, data in run.contents.items():
        fresh = site.spool / f".{run.file(kind)}"
        fresh.write_bytes(data)
        fresh.rename(site.spool / run.file(kind))
    _publish_manifest(site, run)


def _publish_manifest(site: Site, run: Run) -> None:
    fresh = site.spool / f".{run.manifest_file}"
    fresh.write_text(json.dumps(run.manifest()))
    fresh.rename(site.spool / run.manifest_file)
