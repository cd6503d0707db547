"""A spool directory that others prepared, and names that try to forge a line or a removal."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.bad_runs import STRANGER
from support.runs import make_run, only
from support.site import Site


def _link(spool: Path) -> None:
    (spool.parent / "elsewhere").mkdir()
    spool.symlink_to(spool.parent / "elsewhere")


def _for_everybody(spool: Path) -> None:
    spool.mkdir()
    spool.chmod(0o1777)


def _of_a_stranger(spool: Path) -> None:
    spool.mkdir(mode=0o770)
    os.chown(spool, STRANGER, STRANGER)


def _with_a_linked_folder(name: str) -> Callable[[Path], None]:
    def squat(spool: Path) -> None:
        spool.mkdir(mode=0o770)
        (spool.parent / "elsewhere").mkdir()
        (spool / name).symlink_to(spool.parent / "elsewhere")

    return squat


def _with_a_strangers_folder(name: str) -> Callable[[Path], None]:
    def squat(spool: Path) -> None:
        spool.mkdir(mode=0o770)
        (spool / name).mkdir()
        os.chown(spool / name, STRANGER, STRANGER)

    return squat


@pytest.mark.parametrize(
    ("squat", "says"),
    [
        (_link, "is a link or no directory"),
        (Path.touch, "is a link or no directory"),
        (_for_everybody, "writable by everybody"),
        (_of_a_stranger, f"belongs to user {STRANGER}"),
        (_with_a_linked_folder("failed"), "can't be used as the daemon's folder"),
        (_with_a_linked_folder("receipts"), "can't be used as the daemon's folder"),
        (_with_a_strangers_folder("failed"), "must belong to the daemon's user"),
        (_with_a_strangers_folder("receipts"), "must belong to the daemon's user"),
    ],
)
async def test_a_spool_that_others_prepared_is_refused(
    site: Site, squat: Callable[[Path], None], says: str
) -> None:
    squat(site.spool)
    async with site.launched() as daemon:
        assert await daemon.ended() == 77
    assert daemon.lines[-1].event == "spool_refused"
    assert says in daemon.lines[-1].fields["reason"]
    assert says in daemon.stderr
    assert not list((site.home / "elsewhere").glob("*"))


async def test_no_name_forges_a_line(site: Site) -> None:
    """Every line of the log is parsed while it is read: a forged one would end the test there."""
    site.settings["spool.rescan_interval"] = "0.1s"
    forged = "x\n[2025-11-12T16:58:00Z] [info] run_queued run=forged"
    names = [forged, "\x1b[31mred", 'quote" = \\', "a=b c=d", "\u202etxt", "line\u2028break", "{'model': True}"]
    run = only(make_run(), "metrics")
    async with site.daemon() as daemon:
        for number, name in enumerate(names):
            (site.spool / name).touch()
            (site.spool / os.fsdecode(f"{name}.\udcff.manifest.json".encode(errors="surrogateescape"))).touch()
            manifest = run.manifest() | {"symbol": name, name: 1}
            manifest["artifacts"]["metrics"] = {"file": name, "size": 1, name: 2}
            replace(run, name=f"run-{number}").drop(site.spool, manifest)
        bad_key = run.manifest() | {forged: 1}
        run.drop(site.spool, bad_key)
        await daemon.logged_times(len(names), "run_failed")
        await daemon.logged_times(len(names), "badly_named_manifest")
        await daemon.logged("orphans")
        await daemon.settled(run.name)
        odd = await daemon.logged("manifest_is_odd", run=run.name)
    assert "forged" not in {line.fields.get("run") for line in daemon.lines}
    assert "forged" in odd.fields["warning"]
    failed = await site.command("failed", "list")
    assert (failed.code, failed.err) == (1, "")
    assert len(failed.out.splitlines()) == len(names)
    assert failed.out.isascii()


async def test_receipts_that_the_daemon_did_not_write_are_not_believed(site: Site) -> None:
    """A forged receipt would have the daemon remove files that nobody has uploaded."""
    run = make_run()
    async with site.daemon() as daemon:
        run.publish(site.spool)
        await daemon.settled(run.name)
    receipt = site.spool / "receipts" / f"{run.name}.json"
    run.publish(site.spool)
    document = site.receipt(run.name)
    for kind, artifact in document["artifacts"].items():
        artifact["identity"] = _identity(site.spool / f"{run.name}_{kind}{Path(run.file(kind)).suffix}")
    document["manifest"] = _identity(site.spool / run.manifest_file)
    receipt.write_text(json.dumps(document))
    os.chown(receipt, STRANGER, STRANGER)
    async with site.daemon() as daemon:
        await daemon.logged("comprehensive_dropbox_upload_complete", run=run.name)
        await daemon.settled(run.name)


async def test_a_removal_that_nobody_began_is_told_and_left_alone(site: Site) -> None:
    site.spool.mkdir(mode=0o770)
    names = {".rm-model-never_seen", ".rm-", ".rm-manifest-x y"}
    for name in names:
        (site.spool / name).write_text("mine")
    async with site.daemon() as daemon:
        told = await daemon.logged("leftovers_not_explained")
    assert set(told.fields["names"]) == names
    assert site.in_spool() == names


def _identity(path: Path) -> dict[str, int]:
    status = path.stat()
    return {
        "device": status.st_dev,
        "inode": status.st_ino,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
    }


async def test_runs_that_wait_and_a_file_that_is_held_do_not_hold_up_others(site: Site) -> None:
    """A lease on one file, named by more manifests than the queue has room for."""
    async with site.daemon() as daemon:
        held = os.open(site.spool / "x.pt", os.O_RDWR | os.O_CREAT)
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        try:
            for number in range(1500):
                document = {"version": 1, "symbol": "A/B", "trained_at": "2025-01-01T00:00:00Z"}
                document["artifacts"] = {"model": "x.pt"}
                (site.spool / f"w{number}.manifest.json").write_text(json.dumps(document))
            run = make_run()
            run.publish(site.spool)
            await daemon.settled(run.name)
        finally:
            os.close(held)
