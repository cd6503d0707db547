"""Quarantine: where files go, and that no crash leaves half of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.crashes import crashes
from support.one_attempt import attempt_once
from support.runs import make_run, only

CALLS = ("mkdirat", "fsync", "renameat", "renameat2")


@pytest.mark.parametrize("call", CALLS)
async def test_a_quarantine_killed_at_any_step_is_finished_by_the_next_start(tmp_path: Path, call: str) -> None:
    run = only(make_run(), "model", "trades")
    manifest = run.manifest()
    manifest["artifacts"]["trades"]["size"] = 1
    wanted = {run.manifest_file, *run.files.values(), "reason.json"}
    async for crash in crashes(tmp_path, run, manifest, (call,)):
        await crash.next_start()
        assert crash.files() == {
            *(f"failed/{run.name}/{name}" for name in wanted),
            f"receipts/{run.name}.json",
        }, (crash.call, crash.number)
        assert [path.name for path in (crash.spool / "failed").iterdir()] == [run.name]


async def test_files_that_a_power_cut_left_in_both_folders_end_in_quarantine(tmp_path: Path) -> None:
    """As btrfs has them when the new folder was synced and the old one was not."""
    spool, state, run = tmp_path / "spool", tmp_path / "state", only(make_run(), "model", "trades")
    manifest = run.manifest()
    manifest["artifacts"]["trades"]["size"] = 1
    spool.mkdir(mode=0o770)
    run.drop(spool, manifest)
    await attempt_once(spool, state, run.name)
    folder, receipt = spool / "failed" / run.name, spool / "receipts" / f"{run.name}.json"
    receipt.unlink()
    (folder / "reason.json").rename(folder / ".reason.json")
    for name in (run.manifest_file, *run.files.values()):
        (spool / name).hardlink_to(folder / name)
    await attempt_once(spool, state, run.name)
    assert {path.name for path in spool.iterdir()} == {"failed", "receipts"}
    assert [path.name for path in (spool / "failed").iterdir()] == [run.name]
    assert {path.name for path in folder.iterdir()} == {run.manifest_file, *run.files.values(), "reason.json"}
    assert receipt.exists()
