"""Clean-up after an upload: only what was sent goes, and no crash leaves half of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from huracan_spool.spool import cleanup
from huracan_spool.spool.cleanup import remove
from huracan_spool.spool.directory import Spool, open_spool
from huracan_spool.spool.files import Identity, identity_at
from huracan_spool.spool.recovery import recover
from support.crashes import crashes
from support.one_attempt import attempts
from support.runs import make_run, only
from support.trees import archived, expected, without_records

CALLS = ("fsync", "renameat", "renameat2", "unlinkat")


@pytest.mark.parametrize("call", CALLS)
async def test_an_attempt_killed_at_any_step_is_finished_by_the_next_start(tmp_path: Path, call: str) -> None:
    run = only(make_run(), "model", "trades")
    async for crash in crashes(tmp_path, run, run.manifest(), (call,)):
        committed = crash.receipt_exists()
        store = await crash.next_start()
        at = (crash.call, crash.number)
        assert store.puts == [] if committed else [run.name], at
        assert crash.files() == {f"receipts/{run.name}.json"}, at
        receipt = json.loads((crash.spool / "receipts" / f"{run.name}.json").read_bytes())
        assert receipt["status"] == "uploaded"
        tree = archived(crash.state / "Huracan")
        assert without_records(tree) == expected([run], {run.name: receipt["digest"]}), at
        models = crash.state / "models"
        kept = {path.relative_to(models).as_posix() for path in models.rglob("*") if path.is_file()}
        assert kept == {f"SOL-USDT/20251112_080000_{run.file('model')}"}, at


@pytest.mark.parametrize("second_is", ["good", "bad"])
async def test_a_shared_file_goes_with_the_last_of_two_runs_that_settle_at_the_same_time(
    tmp_path: Path, second_is: str
) -> None:
    first, second = only(make_run(0), "model", "trades"), only(make_run(1, symbol="BTC/USDT"), "metrics")
    manifest = second.manifest()
    manifest["artifacts"]["model"] = first.manifest()["artifacts"]["model"]
    if second_is == "bad":
        manifest["artifacts"]["metrics"]["sha256"] = "0" * 64
    async with attempts(tmp_path / "spool", tmp_path / "state") as daemon:
        first.drop(daemon.spool.path)
        second.drop(daemon.spool.path, manifest)
        await daemon.look()
        await asyncio.gather(daemon.attempt(first.name), daemon.attempt(second.name))
    assert set(os.listdir(tmp_path / "spool")) == {"failed", "receipts"}
    kept = {path.name[:15] for path in (tmp_path / "state" / "models").rglob("*.pt")}
    assert kept == {"20251112_080000", "20251112_090000"} if second_is == "good" else {"20251112_080000"}


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_spool(tmp_path / "spool")
    yield opened
    opened.close()


def _file(spool: Spool, text: str, name: str = "model.pt") -> Identity:
    fresh = spool.path / ".fresh"
    fresh.write_text(text)
    fresh.rename(spool.path / name)
    found = identity_at(spool.root, name)
    assert found is not None
    return found


def test_the_file_that_was_sent_is_removed(spool: Spool) -> None:
    remove(spool, "run", "model", "model.pt", _file(spool, "sent"))
    assert set(os.listdir(spool.path)) == {"failed", "receipts"}


def test_a_file_that_took_its_place_before_stays(spool: Spool) -> None:
    sent = _file(spool, "sent")
    _file(spool, "newer")
    remove(spool, "run", "model", "model.pt", sent)
    assert (spool.path / "model.pt").read_text() == "newer"


def test_a_file_that_was_written_to_since_stays(spool: Spool) -> None:
    sent = _file(spool, "sent")
    with (spool.path / "model.pt").open("a") as file:
        file.write(" and more")
    remove(spool, "run", "model", "model.pt", sent)
    assert (spool.path / "model.pt").read_text() == "sent and more"


class _Racer:
    """A producer that replaces the file in the instant between the daemon's look and its rename."""

    def __init__(self, spool: Spool, *texts: str) -> None:
        self._spool = spool
        self._texts = list(texts)
        self._rename = cleanup.rename_noreplace

    def __call__(self, source_folder: int, source: str, target_folder: int, target: str) -> None:
        if self._texts:
            _file(self._spool, self._texts.pop(0))
        self._rename(source_folder, source, target_folder, target)


def test_a_file_that_takes_its_place_between_look_and_rename_is_given_back(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _file(spool, "sent")
    monkeypatch.setattr(cleanup, "rename_noreplace", _Racer(spool, "newer"))
    remove(spool, "run", "model", "model.pt", sent)
    assert (spool.path / "model.pt").read_text() == "newer"
    assert set(os.listdir(spool.path)) == {"failed", "receipts", "model.pt"}


def test_a_producer_that_replaces_it_twice_keeps_the_last(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there in between is gone, as it would be by the producer's own second rename."""
    sent = _file(spool, "sent")
    monkeypatch.setattr(cleanup, "rename_noreplace", _Racer(spool, "newer", "newest"))
    remove(spool, "run", "model", "model.pt", sent)
    assert (spool.path / "model.pt").read_text() == "newest"
    assert set(os.listdir(spool.path)) == {"failed", "receipts", "model.pt"}


def test_a_removal_that_nobody_has_a_receipt_for_is_left(spool: Spool) -> None:
    _file(spool, "whose?", ".rm-model-run")
    assert recover(spool).unexplained == (".rm-model-run",)
    assert (spool.path / ".rm-model-run").read_text() == "whose?"
