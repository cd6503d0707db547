"""What the engine reports and what is made of it."""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from huracan_spool.activity import RECENT, Activity, Stage
from huracan_spool.manifest import Kind
from huracan_spool.receipt import FAILED, UPLOADED, ArtifactReceipt, Receipt
from huracan_spool.recent import Recent
from huracan_spool.spool.files import Identity

FILE = Identity(1, 2, 3, 4)
MODEL = ArtifactReceipt("model.pt", FILE, ("/m",), 700, "0" * 64, "0" * 64)
UPLOAD = Receipt("run", UPLOADED, "0" * 64, FILE, "2025-11-12T16:58:00Z", artifacts={Kind.MODEL: MODEL})
FAILURE = Receipt("run", FAILED, None, None, "2025-11-12T16:58:00Z", code="bad_manifest", reason="why")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def activity(clock: Clock) -> Activity:
    return Activity(clock, clock)


def test_a_run_is_seen_for_as_long_as_it_is_tried(activity: Activity) -> None:
    with activity.attempt("run", None):
        activity.opened("run", "SOL/USDT", {7: 600, 8: 400})
        activity.enters("run", Stage.UPLOADING)
        [seen] = activity.under_way
        assert (seen.run, seen.symbol, seen.stage, seen.bytes_total) == ("run", "SOL/USDT", "uploading", 1000)
    assert activity.under_way == ()


def test_an_attempt_that_is_cut_short_leaves_nothing(activity: Activity) -> None:
    with suppress(CancelledError), activity.attempt("run", None):
        activity.opened("run", "SOL/USDT", {7: 600})
        raise CancelledError
    activity.moved(7, 0, 100)
    assert activity.under_way == ()


def test_a_piece_that_is_sent_again_begins_again(activity: Activity) -> None:
    with activity.attempt("run", None):
        activity.opened("run", "SOL/USDT", {7: 600, 8: 400})
        [seen] = activity.under_way
        sent = [(7, 0, 300), (7, 300, 200), (7, 300, 50), (8, 0, 400), (7, 300, 300), (7, 0, 300)]
        shares = []
        for fd, offset, count in sent:
            activity.moved(fd, offset, count)
            shares.append(seen.share)
        assert shares == [0.3, 0.5, 0.35, 0.75, 1.0, 1.0]


def test_a_descriptor_counts_for_the_run_that_has_it_now(activity: Activity) -> None:
    """A run's files are closed before its attempt ends, and the numbers are given out again."""
    with activity.attempt("second", None):
        with activity.attempt("first", None):
            activity.opened("first", "SOL/USDT", {7: 100})
            activity.opened("second", "BTC/USDT", {7: 100})
        activity.moved(7, 0, 60)
        assert [(seen.run, seen.bytes_out) for seen in activity.under_way] == [("second", 60)]


def test_what_nobody_tries_can_be_reported_all_the_same(activity: Activity) -> None:
    activity.opened("run", "SOL/USDT", {7: 600})
    activity.enters("run", Stage.UPLOADING)
    activity.moved(7, 0, 600)
    activity.settled(UPLOAD)
    assert activity.totals.settled == {UPLOADED: 1}


def test_an_upload_is_counted_with_its_time_and_its_age(activity: Activity, clock: Clock) -> None:
    with activity.attempt("run", 940.0):
        clock.now += 20
        activity.settled(UPLOAD)
    totals = activity.totals
    assert (totals.run_seconds.total, totals.run_ages.total) == (20.0, 80.0)
    assert (totals.uploaded_bytes, activity.last_success) == (700, 1020.0)


def test_a_failure_is_counted_by_its_code_and_is_no_success(activity: Activity) -> None:
    with activity.attempt("run", 940.0):
        activity.settled(FAILURE)
    assert (activity.totals.failed, activity.last_success) == ({"bad_manifest": 1}, None)
    assert activity.totals.run_seconds.count == 0


def test_the_latest_run_comes_first_and_the_oldest_are_forgotten(activity: Activity) -> None:
    for number in range(RECENT + 5):
        activity.settled(replace(UPLOAD, run=f"run-{number}"))
    assert len(activity.recent) == RECENT
    assert activity.recent[0].run == f"run-{RECENT + 4}"


def test_what_earlier_daemons_did_is_remembered_once(activity: Activity) -> None:
    before = [Recent.of(replace(FAILURE, run="b")), Recent.of(replace(UPLOAD, run="a"))]
    activity.remember(before)
    activity.settled(replace(UPLOAD, run="c"))
    activity.remember(before)
    assert [each.run for each in activity.recent] == ["c", "b", "a"]


def test_the_last_success_is_known_from_the_receipts(activity: Activity) -> None:
    activity.remember([Recent.of(FAILURE), Recent.of(UPLOAD)])
    assert activity.last_success == 1762966680.0


def test_a_late_event_loop_is_remembered_for_a_minute(activity: Activity) -> None:
    activity.lagged(2.5)
    for _ in range(59):
        activity.lagged(-0.001)
    assert activity.loop_lag == 2.5
    activity.lagged(0.1)
    assert activity.loop_lag == 0.1
