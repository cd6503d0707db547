"""Disks that are full, of bytes or of inodes: every run waits with its cause, and goes on when there is room."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from huracan_spool.emulator import Emulator, Fault
from huracan_spool.samples import Size
from support.mounts import small_disk
from support.runs import make_run
from support.site import Site
from support.trees import archived, expected, remote, without_records
from support.waiting import within

COMMIT = "files/upload_session/finish_batch_v2"
IMPATIENT = {"retry.run_first": "0.1s", "retry.run_max": "0.3s"}
FULL = "No space left on device"


def _of_bytes(folder: Path) -> None:
    with suppress(OSError), (folder / ".filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def _of_inodes(folder: Path) -> None:
    (folder / ".filler").mkdir()
    number = 0
    with suppress(OSError):
        while True:
            (folder / ".filler" / str(number)).touch()
            number += 1


def _make_room(folder: Path) -> None:
    filler = folder / ".filler"
    if filler.is_dir():
        for each in filler.iterdir():
            each.unlink()
    else:
        filler.unlink()


@pytest.mark.parametrize("fill", [_of_bytes, _of_inodes])
async def test_a_full_spool_costs_neither_receipt_nor_reason(
    connected: Site, dropbox: Emulator, fill: Callable[[Path], None]
) -> None:
    """It fills up while the run is committed; the one that is no run has to be quarantined there."""
    connected.settings |= IMPATIENT
    held = dropbox.faults.add(Fault(route=COMMIT, kind="hold"))
    run, broken = make_run(0), replace(make_run(1, name="broken"), contents={})
    with small_disk(connected.spool, 1 << 20, inodes=200):
        async with connected.daemon() as daemon:
            run.drop(connected.spool)
            await within(held.reached.wait(), "the commit")
            broken.drop(connected.spool, b"{}")
            fill(connected.spool)
            held.release()
            waits = [await daemon.logged("run_waits", run=each.name) for each in (run, broken)]
            assert {run.manifest_file, broken.manifest_file, *run.files.values()} <= connected.in_spool()
            _make_room(connected.spool)
            await daemon.settled(run.name)
            await daemon.logged("run_failed", run=broken.name)
        assert all(FULL in line.fields["reason"] for line in waits)
        digests = {run.name: connected.receipt(run.name)["digest"]}
        assert connected.reason("broken")["code"] == "bad_manifest"
    assert without_records(remote(dropbox)) == expected([run], digests)


async def test_a_full_state_directory_is_waited_for(connected: Site, dropbox: Emulator) -> None:
    """The ledger grows there, and the model is kept there."""
    connected.settings |= IMPATIENT
    run = make_run(0, size=Size(model_bytes=500_000, candles=20, trades=3))
    with small_disk(connected.state, 1 << 20):
        async with connected.daemon() as daemon:
            _of_bytes(connected.state)
            run.publish(connected.spool)
            waits = await daemon.logged("run_waits", run=run.name)
            _make_room(connected.state)
            await daemon.settled(run.name)
        assert "full" in waits.fields["reason"] or FULL in waits.fields["reason"]
        assert list(connected.kept_models().values()) == [run.contents["model"]]
    digests = {run.name: connected.receipt(run.name)["digest"]}
    assert without_records(remote(dropbox)) == expected([run], digests)
    assert connected.in_failed() == {}


async def test_a_state_directory_that_is_full_at_the_start_says_so(site: Site) -> None:
    with small_disk(site.state, 1 << 16):
        _of_bytes(site.state)
        async with site.launched() as daemon:
            assert await daemon.ended() == 75
    assert daemon.lines[-1].event == "host_trouble"
    assert "full" in daemon.lines[-1].fields["reason"] or FULL in daemon.lines[-1].fields["reason"]


async def test_a_full_archive_holds_no_halves_of_runs_and_pauses_once(site: Site) -> None:
    """What was begun there is taken away again: three halves would fill the disk for good."""
    size = Size(model_bytes=600_000, candles=20, trades=3)
    runs = [make_run(number, symbol=f"S{number}/USDT", size=size) for number in range(3)]
    archive = site.home / "archive"
    site.settings["archive.path"] = str(archive)
    with small_disk(archive, 3 << 20):
        async with site.daemon() as daemon:
            with (archive / ".filler").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, (3 << 20) - 300_000)
            for run in runs:
                run.publish(site.spool)
            paused = await daemon.logged("uploads_paused")
            assert list((archive / "Huracan" / ".incoming").iterdir()) == []
            _make_room(archive)
            daemon.signal(signal.SIGUSR1)
            await daemon.settled(*(run.name for run in runs))
            assert daemon.events.count("uploads_paused") == 1
        digests = {run.name: site.receipt(run.name)["digest"] for run in runs}
        assert without_records(archived(archive / "Huracan")) == expected(runs, digests)
    assert os.strerror(errno.ENOSPC) in paused.fields["reason"]
    assert "free space" in paused.fields["action"]
