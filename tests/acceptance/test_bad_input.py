"""What can't become an uploaded run: each with its code, nothing lost, nothing else disturbed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from huracan_spool.emulator import Emulator
from support.bad_runs import STRANGER, bad_runs
from support.runs import Run, make_run, only
from support.site import Site
from support.trees import expected, remote, without_records
from support.waiting import eventually

# Root, but with none of root's powers: what the service's own user may do, and no more.
POWERLESS = ("setpriv", "--bounding-set=-all")


async def test_every_bad_run_gets_its_code_and_keeps_its_files(connected: Site, dropbox: Emulator) -> None:
    cases = list(bad_runs())
    good = make_run(1, symbol="BTC/USDT")
    async with connected.daemon() as daemon:
        for case in cases:
            case.drop(connected.spool)
        before = _inodes(connected.spool)
        good.publish(connected.spool)
        await daemon.settled(good.name)
        await eventually(lambda: len(connected.receipts()) == len(cases) + 1, daemon)
        await daemon.logged_times(len(cases), "run_failed")
    told = {line.fields["run"]: line.fields["code"] for line in daemon.lines if line.event == "run_failed"}
    assert told == {case.run.name: case.code for case in cases}
    assert connected.in_failed() == {
        case.run.name: case.moved() | {"reason.json"} for case in cases if case.moved()
    }
    reasons = {case.run.name: connected.reason(case.run.name) for case in cases}
    assert {name: reason["code"] for name, reason in reasons.items()} == told
    assert before <= _inodes(connected.spool)
    receipts = {case.run.name: connected.receipt(case.run.name) for case in cases}
    assert {name: (receipt["status"], receipt["code"]) for name, receipt in receipts.items()} == {
        name: ("failed", code) for name, code in told.items()
    }
    assert without_records(remote(dropbox)) == expected([good], {good.name: connected.receipt(good.name)["digest"]})
    assert "internal_error" not in daemon.events
    assert "run_waits" not in daemon.events


async def test_what_the_daemon_may_not_read_says_so(connected: Site) -> None:
    """Also another user's folder, which a daemon without root's powers can't even move."""
    closed, manifest_closed, folder = (make_run(0, name=name) for name in ("closed", "closed-manifest", "folder"))
    async with connected.daemon(*POWERLESS) as daemon:
        staged = [_staged(run, connected.spool) for run in (closed, manifest_closed, folder)]
        _give_away(connected.spool / closed.file("model"))
        os.chown(staged[0], STRANGER, 0)
        _give_away(staged[1])
        (connected.spool / folder.file("model")).unlink()
        (connected.spool / folder.file("model")).mkdir()
        os.chown(connected.spool / folder.file("model"), STRANGER, STRANGER)
        for path, run in zip(staged, (closed, manifest_closed, folder), strict=True):
            path.rename(connected.spool / run.manifest_file)
        lines = await daemon.logged_times(3, "run_failed")
    assert {line.fields["run"]: line.fields["code"] for line in lines} == {
        "closed": "unreadable",
        "closed-manifest": "unreadable",
        "folder": "not_regular",
    }
    assert "chmod g+r" in connected.reason("closed")["reason"]
    assert connected.in_failed()["closed"] == {closed.manifest_file, *closed.files.values(), "reason.json"}
    assert connected.in_failed()["closed-manifest"] == {manifest_closed.manifest_file, "reason.json"}
    assert folder.file("model") in connected.in_spool()
    assert list(connected.reason("folder")["left_in_spool"]) == [folder.file("model")]


async def test_a_badly_named_manifest_is_an_orphan_with_one_warning(connected: Site) -> None:
    connected.settings["spool.rescan_interval"] = "0.1s"
    run = make_run()
    names = {
        "-x.manifest.json",
        "a b.manifest.json",
        "ü.manifest.json",
        f"{'x' * 129}.manifest.json",
        "é\n.manifest.json",
    }
    async with connected.daemon() as daemon:
        for name in names:
            (connected.spool / name).write_text("{}")
        await daemon.logged_times(len(names), "badly_named_manifest")
        run.publish(connected.spool)
        await daemon.settled(run.name)
        await daemon.logged("orphans")
    assert sorted(line.fields["name"] for line in daemon.lines if line.event == "badly_named_manifest") == sorted(
        names
    )
    assert connected.in_spool() == names
    assert connected.in_failed() == {}


async def test_a_file_of_two_manifests_stays_until_both_are_settled(connected: Site) -> None:
    first = only(make_run(0), "metrics", "trades")
    second = only(make_run(1), "trades")
    manifest = second.manifest()
    manifest["artifacts"]["metrics"] = first.file("metrics")
    connected.settings["spool.inspection"] = "off"  # the one's metrics are odd beside the other's trades
    async with connected.daemon() as daemon:
        second.drop(connected.spool, manifest)  # its settling time is the other's chance to be there
        first.publish(connected.spool)
        await daemon.settled(first.name, second.name)
        await connected.empty()
    assert daemon.complaints == []
    assert {connected.receipt(run.name)["status"] for run in (first, second)} == {"uploaded"}


async def test_a_bad_run_leaves_a_good_runs_file_alone(connected: Site) -> None:
    good = make_run(0)
    bad = only(make_run(1), "trades")
    manifest = bad.manifest()
    manifest["artifacts"]["model"] = {"file": good.file("model"), "size": 1}
    connected.settings["upload.calls_per_second"] = "1"
    async with connected.daemon() as daemon:
        good.drop(connected.spool)
        bad.drop(connected.spool, manifest)
        await daemon.logged("run_failed", run=bad.name)
        await daemon.settled(good.name)
    assert connected.receipt(good.name)["status"] == "uploaded"
    assert connected.reason(bad.name)["code"] == "size_mismatch"


def _staged(run: Run, spool: Path) -> Path:
    """The run's files in place, and its manifest where nobody looks yet."""
    for kind, data in run.contents.items():
        (spool / run.file(kind)).write_bytes(data)
    path = spool / f".{run.manifest_file}"
    path.write_text(json.dumps(run.manifest()))
    return path


def _give_away(path: Path, mode: int = 0o600) -> None:
    path.chmod(mode)
    os.chown(path, STRANGER, STRANGER)


def _inodes(folder: Path) -> set[int]:
    return {
        path.lstat().st_ino
        for path in folder.rglob("*")
        if path.parent != folder or path.name not in {"failed", "receipts"}
    }
