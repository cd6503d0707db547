"""What a submission says about its run, from what lies in the spool."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from huracan_spool.manifest import Kind
from huracan_spool.producer.submission import Submission, wait_for

RUN = "SOL_USDT_20251112_164920"
SHA = "ab" * 32


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "receipts").mkdir()
    (tmp_path / f"{RUN}.manifest.json").write_text("{}")
    return tmp_path


def submission(spool: Path, *, strict: bool = False) -> Submission:
    kinds = (Kind.METRICS, Kind.CANDLES)
    return Submission(run=RUN, spool=spool, kinds=kinds, manifest_sha256=SHA, strict=strict)


def settle(spool: Path, **fields: Any) -> None:
    receipt = {"status": "uploaded", "manifest_sha256": SHA, "results": {"metrics": True, "candle_data": True}}
    (spool / "receipts" / f"{RUN}.json").write_text(json.dumps(receipt | fields))
    (spool / f"{RUN}.manifest.json").unlink()


def test_a_run_is_pending_while_its_manifest_lies_in_the_spool(spool: Path) -> None:
    assert (submission(spool).ok, submission(spool).status()) == (True, "pending")


def test_the_receipt_tells_that_it_is_uploaded(spool: Path) -> None:
    settle(spool)
    assert submission(spool).status() == "uploaded"
    assert submission(spool).results(0) == {"metrics": True, "candle_data": True}


def test_the_receipt_tells_that_it_failed(spool: Path) -> None:
    settle(spool, status="failed", results={"metrics": False, "candle_data": False}, manifest_sha256=None)
    assert submission(spool).status() == "failed"
    assert submission(spool).results(0) == {"metrics": False, "candle_data": False}


def test_another_runs_receipt_under_this_name_is_not_believed(spool: Path) -> None:
    settle(spool, manifest_sha256="cd" * 32)
    assert submission(spool).status() == "unknown"


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_half_a_receipt_is_none(spool: Path, text: str) -> None:
    (spool / "receipts" / f"{RUN}.json").write_text(text)
    assert submission(spool).status() == "pending"


def test_what_is_not_settled_in_time_is_false(spool: Path) -> None:
    assert submission(spool).results(0) == {"metrics": False, "candle_data": False}


def test_a_strict_submission_raises_instead(spool: Path) -> None:
    with pytest.raises(TimeoutError, match=RUN):
        submission(spool, strict=True).results(0)


def test_a_refused_run_is_waited_for_by_nobody() -> None:
    refused = Submission(run=None, error="no spool", kinds=(Kind.MODEL,), strict=True)
    assert (refused.ok, refused.status(), refused.results(3600)) == (False, "refused", {"model": False})


def test_a_skipped_run_is_no_error_but_not_in_the_spool_either() -> None:
    skipped = Submission(run=None, error="rank 3", skipped=True)
    assert (skipped.ok, skipped.skipped, skipped.status(), skipped.results(3600)) == (False, True, "skipped", {})


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def test_waiting_looks_at_growing_intervals_and_ends_in_time() -> None:
    clock = Clock()
    assert wait_for(lambda: None, 60.0, clock, clock.sleep) is None
    assert clock.now == pytest.approx(160.0)
    assert clock.sleeps[:3] == pytest.approx([0.05, 0.075, 0.1125])
    assert max(clock.sleeps) == 2.0


def test_waiting_ends_with_the_first_answer() -> None:
    clock = Clock()
    answers: Iterator[str | None] = iter([None, None, "here"])
    assert wait_for(lambda: next(answers), 60.0, clock, clock.sleep) == "here"
    assert len(clock.sleeps) == 2


def test_no_time_is_one_look() -> None:
    clock = Clock()
    assert wait_for(lambda: "here", 0.0, clock, clock.sleep) == "here"
    assert clock.sleeps == []
