"""An attempt at a run, cancelled at each of its awaits in turn, and then tried again by the same daemon."""

from __future__ import annotations

import asyncio
import shutil
from itertools import count
from pathlib import Path

from support.cancelling import cancelled_at, open_files
from support.one_attempt import Attempts, attempts
from support.runs import Run, make_run, only

ENOUGH = 10  # awaits; fewer would mean that the test looks at nothing


async def _cancelled(daemon: Attempts, run: Run, number: int) -> bool:
    """Whether there was a `number`-th await."""
    before = open_files()
    try:
        await cancelled_at(daemon.attempt(run.name), number)
    except asyncio.CancelledError:
        assert open_files() == before, number
        return True
    return False


async def test_an_upload_that_is_cancelled_at_any_await_ends_well_the_next_time(tmp_path: Path) -> None:
    run = only(make_run(), "model", "candles")
    for number in count(1):
        home = tmp_path / str(number)
        async with attempts(home / "spool", home / "state") as daemon:
            run.drop(home / "spool")
            await daemon.look()
            cancelled = await _cancelled(daemon, run, number)
            if not cancelled:
                break
            await daemon.attempt(run.name)
        assert _files(home / "spool") == {f"receipts/{run.name}.json"}, number
        stored = [path.name for path in (home / "state/Huracan").rglob("*") if path.is_file()]
        assert sorted(stored).count("model.bin") == 1, number
        assert len(stored) == 4, (number, stored)
        shutil.rmtree(home)
    assert number > ENOUGH


async def test_a_quarantine_that_is_cancelled_at_any_await_ends_well_the_next_time(tmp_path: Path) -> None:
    run = only(make_run(), "model", "trades")
    manifest = run.manifest()
    manifest["artifacts"]["trades"]["size"] = 1
    wanted = {f"failed/{run.name}/{name}" for name in (*run.files.values(), run.manifest_file, "reason.json")}
    for number in count(1):
        home = tmp_path / str(number)
        async with attempts(home / "spool", home / "state") as daemon:
            run.drop(home / "spool", manifest)
            await daemon.look()
            cancelled = await _cancelled(daemon, run, number)
            if not cancelled:
                break
            await daemon.attempt(run.name)
        assert _files(home / "spool") == {f"receipts/{run.name}.json", *wanted}, number
        shutil.rmtree(home)
    assert number > ENOUGH // 2


def _files(spool: Path) -> set[str]:
    found = {path.relative_to(spool).as_posix() for path in spool.rglob("*") if path.is_file()}
    return found - {"receipts/.lock"}
