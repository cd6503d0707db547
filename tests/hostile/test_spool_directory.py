"""The directory itself: mounted, unmounted, replaced, read-only, and the daemon's own folders in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from huracan_spool.emulator import Emulator, Fault
from support.bad_runs import STRANGER
from support.mounts import bind, bound, make_read_only, unmount
from support.runs import make_run, only
from support.site import Site
from support.strace import failing
from support.waiting import eventually, within

IMPATIENT = {"retry.run_first": "0.1s", "retry.run_max": "0.2s"}


async def test_a_spool_that_is_unmounted_and_mounted_again_is_followed_both_ways(site: Site) -> None:
    """Back comes the very directory that the daemon has locked already."""
    first, second, third = make_run(0), make_run(1), make_run(2)
    disk = site.home / "disk"
    for folder in (disk, site.spool):
        folder.mkdir(mode=0o770)
    bind(disk, site.spool)
    try:
        async with site.daemon() as daemon:
            first.publish(site.spool)
            await daemon.settled(first.name)
            unmount(site.spool)
            await daemon.logged("spool_replaced")
            second.publish(site.spool)
            await daemon.settled(second.name)
            bind(disk, site.spool)
            await daemon.logged_times(2, "spool_replaced")
            third.publish(site.spool)
            await daemon.settled(third.name)
            daemon.signal(signal.SIGHUP)  # the next service finds every lock free
            await daemon.logged_times(2, "daemon_ready")
            daemon.signal(signal.SIGTERM)
            assert await daemon.ended() == 0
    finally:
        unmount(site.spool)
    assert sorted(os.listdir(disk / "receipts")) == [".lock", f"{first.name}.json", f"{third.name}.json"]


async def test_a_spool_that_is_away_when_a_run_ends_keeps_a_file_that_another_run_names(
    connected: Site, dropbox: Emulator
) -> None:
    """Which runs wait in it can't be seen meanwhile."""
    first, broken = make_run(0), make_run(5)
    second = replace(first, name="second")  # of the same day, so it waits for the first
    manifest = second.manifest()
    manifest["artifacts"]["model"]["file"] = first.file("model")
    held = dropbox.faults.add(Fault(route="files/upload_session/finish_batch_v2", kind="hold"))
    elsewhere = connected.home / "elsewhere"
    async with connected.daemon() as daemon:
        first.drop(connected.spool)
        await within(held.reached.wait(), "the commit")
        second.drop(connected.spool, manifest)
        connected.spool.rename(elsewhere)
        await daemon.logged("spool_replaced")
        broken.drop(connected.spool, b"{}")
        await daemon.logged("run_failed", run=broken.name)  # it has been looked at
        held.release()
        await daemon.logged("comprehensive_dropbox_upload_complete", run=first.name)
        connected.spool.rename(connected.home / "gone")
        elsewhere.rename(connected.spool)
        await daemon.settled(first.name, second.name)
    assert connected.in_spool() == {second.file("model")}  # of which no manifest tells
    assert connected.receipt(second.name)["status"] == "uploaded"


async def test_what_lies_under_an_unmounted_spool_may_be_unsafe(site: Site) -> None:
    disk = site.home / "disk"
    for folder in (disk, site.spool):
        folder.mkdir(mode=0o770)
    os.chown(site.spool, STRANGER, STRANGER)
    with bound(disk, site.spool):
        async with site.daemon() as daemon:
            bound_again = site.spool
            unmount(bound_again)
            assert await daemon.ended() == 75
            assert f"belongs to user {STRANGER}" in daemon.lines[-1].fields["reason"]
            bind(disk, bound_again)


async def test_a_spool_that_is_read_only_when_the_daemon_starts(site: Site) -> None:
    disk = site.home / "disk"
    for folder in (disk, site.spool, disk / "failed", disk / "receipts"):
        folder.mkdir(mode=0o770)
    with bound(disk, site.spool):
        make_read_only(site.spool)
        async with site.launched() as daemon:
            assert await daemon.ended() == 75
    assert "Read-only file system" in daemon.lines[-1].fields["reason"]
    assert _files(disk / "receipts") == set()


async def test_a_spool_that_is_read_only_for_a_while_keeps_its_runs(connected: Site) -> None:
    """As after an error of the disk, which no mount can imitate while the lock is held: the calls are refused."""
    connected.settings |= IMPATIENT
    run, broken = make_run(0), make_run(1, name="broken")
    async with connected.daemon(*failing("renameat,renameat2,unlinkat", "EROFS", "1..3")) as daemon:
        run.publish(connected.spool)
        broken.drop(connected.spool, b"{}")
        await daemon.settled(run.name)
        await daemon.logged("run_failed", run="broken")
    waited = [line for line in daemon.lines if line.event == "run_waits"]
    assert {line.fields["run"] for line in waited} == {run.name, "broken"}
    assert all("Read-only file system" in line.fields["reason"] for line in waited)
    assert connected.receipt(run.name)["status"] == "uploaded"
    assert connected.reason("broken")["code"] == "bad_manifest"
    assert connected.in_spool() == set(broken.files.values())


async def test_a_quarantine_that_can_not_be_ended_holds_up_nobody_else(site: Site) -> None:
    """One of its files can't be moved: something is mounted on it."""
    site.settings |= IMPATIENT
    broken, good, later = replace(only(make_run(0), "trades"), name="broken"), make_run(1), make_run(2)
    async with site.daemon() as daemon:
        trades = site.spool / broken.file("trades")
        trades.write_bytes(b"cut off")
        with bound(trades, trades):
            (site.spool / broken.manifest_file).write_text(json.dumps(broken.manifest()))
            waits = await daemon.logged("run_waits", run="broken")
            good.publish(site.spool)
            await daemon.settled(good.name)
        later.publish(site.spool)
        await daemon.settled(later.name)
        failed = await daemon.logged("run_failed", run="broken")
    assert "Device or resource busy" in waits.fields["reason"]
    assert (failed.fields["code"], site.reason("broken")["code"]) == ("size_mismatch", "size_mismatch")
    assert site.in_failed() == {"broken": {broken.manifest_file, broken.file("trades"), "reason.json"}}


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _move_away(folder: Path) -> None:
    folder.rename(folder.parent.parent / folder.name)


@pytest.mark.parametrize("lose", [_remove, _move_away])
async def test_folders_of_the_daemons_that_are_gone_are_made_again(
    site: Site, lose: Callable[[Path], None]
) -> None:
    """An `rm -r spool/*`, by somebody who may."""
    run, broken = make_run(0), make_run(1, name="broken")
    async with site.daemon() as daemon:
        lose(site.spool / "failed")
        await daemon.logged("spool_replaced")
        broken.drop(site.spool, b"{}")
        await daemon.logged("run_failed", run="broken")
        lose(site.spool / "receipts")
        await daemon.logged_times(2, "spool_replaced")
        run.publish(site.spool)
        await daemon.settled(run.name)
        async with site.launched() as second:
            site.settings["state_dir"] = str(site.home / "another")
            assert await second.ended() == 75
    assert site.receipts() == {run.name}
    assert site.reason("broken")["code"] == "bad_manifest"


async def test_a_spool_made_anew_again_and_again_costs_no_descriptors(site: Site) -> None:
    """The very first one is held to the end, the last but one until the next comes."""
    async with site.daemon() as daemon:
        for number in range(1, 5):
            shutil.rmtree(site.spool)
            await daemon.logged_times(number, "spool_replaced")
            run = make_run(number)
            run.publish(site.spool)
            await daemon.settled(run.name)
        await eventually(lambda: len(_gone_but_held(daemon.process.pid)) <= 2 * _A_SPOOL, daemon)


_A_SPOOL = 4  # itself, failed/, receipts/ and the lock


def _gone_but_held(pid: int) -> list[str]:
    """What a process has open that no name leads to any more; a watch of inotify's ends with what it watches."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(os.readlink(descriptor))
    watchers = [link for link in links if link == "anon_inode:inotify"]
    return [link for link in links if link.endswith(" (deleted)")] + watchers[1:]


def _squat_with_a_file(path: Path) -> None:
    path.write_text("mine")


def _squat_with_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def _squat_with_a_folder(path: Path) -> None:
    path.mkdir(mode=0o777)
    os.chown(path, STRANGER, STRANGER)


@pytest.mark.parametrize("squat", [_squat_with_a_file, _squat_with_a_pipe, _squat_with_a_folder])
async def test_a_squatted_place_ends_the_daemon_for_now(site: Site, squat: Callable[[Path], None]) -> None:
    async with site.daemon() as daemon:
        fresh = site.home / "fresh"
        squat(fresh)
        site.spool.rename(site.home / "old")
        fresh.rename(site.spool)
        assert await daemon.ended() == 75
    assert daemon.lines[-1].event == "daemon_ended"
    assert _files(site.home / "old") == {"failed", "receipts"}


def _files(folder: Path) -> set[str]:
    return set(os.listdir(folder))
