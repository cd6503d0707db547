"""`failed`: looking at what failed, mending it, and having it tried again."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from huracan_spool.emulator import Emulator
from support.bad_runs import STRANGER
from support.daemon_process import DaemonProcess
from support.runs import Run, make_run
from support.site import Site
from support.trees import expected, remote, without_records


async def _failing(site: Site, daemon: DaemonProcess, name: str = "broken") -> Run:
    """A run whose trades have not the size that its manifest says."""
    run = replace(make_run(), name=name)
    manifest = run.manifest()
    manifest["artifacts"]["trades"]["size"] = 1
    run.drop(site.spool, manifest)
    await daemon.logged("run_failed", run=name)
    return run


def _mend(site: Site, run: Run) -> None:
    (site.spool / "failed" / run.name / run.manifest_file).write_text(json.dumps(run.manifest()))


async def test_listing_says_that_there_are_none_or_which(site: Site) -> None:
    async with site.daemon() as daemon:
        none = await site.command("failed", "list")
        no_json = await site.command("failed", "list", "--json")
        run = await _failing(site, daemon)
        table = await site.command("failed", "list")
        listed = await site.command("failed", "list", "--json")
    assert (none.code, none.out) == (0, "no failed runs\n")
    assert (no_json.code, no_json.json) == (0, [])
    assert (table.code, len(table.out.splitlines())) == (1, 1)
    assert "size_mismatch" in table.out
    assert listed.code == 1
    assert [(each["run"], each["code"], each["artifact"]) for each in listed.json] == [
        (run.name, "size_mismatch", "trades")
    ]


async def test_showing_tells_the_reason_the_files_and_what_to_do(site: Site) -> None:
    async with site.daemon() as daemon:
        run = await _failing(site, daemon)
        shown = await site.command("failed", "show", run.name)
        as_json = await site.command("failed", "show", run.name, "--json")
        unknown = await site.command("failed", "show", "no-such-run")
    assert shown.code == 0
    for part in (
        "size_mismatch",
        "trades.csv",
        f"huracan-spool failed retry {run.name}",
        str(site.spool / "failed"),
    ):
        assert part in shown.out
    assert set(as_json.json["files"]) == {run.manifest_file, *run.files.values()}
    assert (unknown.code, unknown.out) == (1, "")
    assert "failed list" in unknown.err


async def test_a_mended_run_passes_when_it_is_tried_again(connected: Site, dropbox: Emulator) -> None:
    async with connected.daemon() as daemon:
        run = await _failing(connected, daemon)
        _mend(connected, run)
        done = await connected.command("failed", "retry", run.name)
        assert (done.code, done.out) == (0, f"{run.name} back in the spool\n"), done.err
        await daemon.settled(run.name)
        left = await connected.command("failed", "list")
    assert left.code == 0
    assert connected.in_failed() == {}
    assert connected.receipt(run.name)["status"] == "uploaded"
    digests = {run.name: connected.receipt(run.name)["digest"]}
    assert without_records(remote(dropbox)) == expected([run], digests)


async def test_files_that_are_moved_back_by_hand_are_a_run_again(connected: Site) -> None:
    async with connected.daemon() as daemon:
        run = await _failing(connected, daemon)
        _mend(connected, run)
        for name in (*run.files.values(), run.manifest_file):
            (connected.spool / "failed" / run.name / name).rename(connected.spool / name)
        await daemon.settled(run.name)
        await connected.empty()
    assert connected.receipt(run.name)["status"] == "uploaded"


async def test_what_is_not_mended_fails_again_beside_the_first_time(site: Site) -> None:
    async with site.daemon() as daemon:
        run = await _failing(site, daemon)
        await site.command("failed", "retry", run.name)
        await daemon.logged_times(2, "run_failed", run=run.name)
        run.drop(site.spool, run.manifest() | {"version": 2})
        await daemon.logged_times(3, "run_failed", run=run.name)
    assert set(site.in_failed()) == {run.name, f"{run.name}.2"}
    assert site.reason(run.name)["code"] == "size_mismatch"
    assert site.reason(f"{run.name}.2")["code"] == "unsupported_version"


async def test_nothing_in_the_spool_is_replaced_and_a_later_retry_goes_on(site: Site) -> None:
    async with site.daemon() as daemon:
        run = await _failing(site, daemon)
    taken = site.spool / run.file("features")
    taken.write_text("another's")
    refused = await site.command("failed", "retry", run.name)
    assert refused.code == 1
    assert taken.name in refused.err
    assert taken.read_text() == "another's"
    taken.unlink()
    done = await site.command("failed", "retry", run.name)
    assert done.code == 0, done.err
    assert site.in_spool() == {run.manifest_file, *run.files.values()}
    assert site.in_failed() == {}


async def test_a_file_that_a_power_cut_left_in_both_folders_does_not_stop_a_retry(site: Site) -> None:
    async with site.daemon() as daemon:
        run = await _failing(site, daemon)
    name = run.file("features")
    (site.spool / name).hardlink_to(site.spool / "failed" / run.name / name)
    done = await site.command("failed", "retry", run.name)
    assert done.code == 0, done.err
    assert site.in_spool() == {run.manifest_file, *run.files.values()}
    assert site.in_failed() == {}


async def test_all_of_them_at_once(site: Site) -> None:
    async with site.daemon() as daemon:
        runs = [await _failing(site, daemon, name) for name in ("one", "two")]
    done = await site.command("failed", "retry", "--all")
    assert sorted(done.out.splitlines()) == ["one back in the spool", "two back in the spool"]
    assert {run.manifest_file for run in runs} <= site.in_spool()


async def test_discarding_asks_first(site: Site) -> None:
    async with site.daemon() as daemon:
        run = await _failing(site, daemon)
    unasked = await site.command("failed", "discard", run.name)
    assert unasked.code == 130
    assert site.in_failed()
    done = await site.command("failed", "discard", run.name, "--yes")
    assert (done.code, done.out) == (0, f"{run.name} deleted\n")
    assert site.in_failed() == {}
    assert site.receipt(run.name)["status"] == "failed"


@pytest.mark.parametrize("command", ["retry", "discard"])
async def test_without_names_it_is_a_usage_error(site: Site, command: str) -> None:
    nothing = await site.command("failed", command)
    both = await site.command("failed", command, "x", "--all")
    assert (nothing.code, both.code) == (64, 64)
    assert "--all" in nothing.err


async def test_somebody_who_may_not_is_told_so(site: Site) -> None:
    """Root without its powers, on a failed run of somebody else."""
    async with site.daemon() as daemon:
        run = await _failing(site, daemon)
    for path in (site.spool / "failed", site.spool / "failed" / run.name):
        os.chown(path, STRANGER, STRANGER)
    os.chown(site.spool, STRANGER, STRANGER)
    site.spool.chmod(0o770)
    powerless = await site.command("failed", "list", wrapper=("setpriv", "--bounding-set=-all"))
    assert powerless.code == 77
    assert "root" in powerless.err
