"""Quarantine: where files go, and that no crash leaves half of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.crashes import crashes
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
