"""Runs side by side, as values of a frame."""

from __future__ import annotations

from datetime import timedelta
from math import inf, nan

import polars as pl
import pytest
from shelves import FIRST, Kept, frame_of

from huracan_spool.archive import comparing

DAY = timedelta(days=1)


def runs_with(*metrics: dict[str, object]) -> pl.DataFrame:
    return frame_of(Kept(FIRST + place * DAY, metrics=each) for place, each in enumerate(metrics))


def test_long_has_a_row_for_each_value_that_a_run_has() -> None:
    runs = runs_with({"sharpe": 1.5, "note": "a"}, {"total_trades": 7, "sharpe": 2.0})

    rows = comparing.long(runs).select("date", "metric", "value").rows()

    day, next_day = FIRST.date(), (FIRST + DAY).date()
    assert rows == [(day, "sharpe", 1.5), (next_day, "sharpe", 2.0), (next_day, "total_trades", 7.0)]


def test_wide_tells_each_run_and_its_difference_from_the_first() -> None:
    runs = runs_with({"sharpe": 2.0, "loss": -4.0}, {"sharpe": 3.0, "loss": -5.0}, {"sharpe": 1.0})

    assert comparing.wide(runs).rows(named=True) == [
        {
            "metric": "sharpe",
            "2025-11-01": 2.0,
            "2025-11-02": 3.0,
            "2025-11-02 difference": 1.0,
            "2025-11-02 percent": 50.0,
            "2025-11-03": 1.0,
            "2025-11-03 difference": -1.0,
            "2025-11-03 percent": -50.0,
        },
        {
            "metric": "loss",
            "2025-11-01": -4.0,
            "2025-11-02": -5.0,
            "2025-11-02 difference": -1.0,
            "2025-11-02 percent": -25.0,
            "2025-11-03": None,
            "2025-11-03 difference": None,
            "2025-11-03 percent": None,
        },
    ]


@pytest.mark.parametrize(
    ("first", "second", "difference", "percent"),
    [
        (0.0, 3.0, 3.0, None),
        (nan, 3.0, None, None),
        (2.0, inf, None, None),
        (None, 1.0, None, None),
        (4, 4, 0.0, 0.0),
    ],
)
def test_a_difference_that_is_no_number_is_null(
    first: float, second: float, difference: float | None, percent: float | None
) -> None:
    row = comparing.wide(runs_with({"m": first, "n": 1.0}, {"m": second})).row(0)

    assert row[3:] == (difference, percent)


def test_texts_and_truths_stand_apart_from_numbers() -> None:
    runs = runs_with({"kind": "ppo", "stopped": True, "loss": 1}, {"kind": "dqn", "stopped": None, "loss": 2})

    assert comparing.texts(runs).rows() == [("kind", "ppo", "dqn"), ("stopped", "true", None)]
    assert comparing.wide(runs)["metric"].to_list() == ["loss"]


def test_only_what_differs() -> None:
    runs = runs_with({"a": 1, "b": nan, "c": 3, "t": "x"}, {"a": 2, "b": nan, "t": "x"})
    names = comparing.run_names(runs)

    assert comparing.differing(comparing.wide(runs), names)["metric"].to_list() == ["a", "c"]
    assert comparing.differing(comparing.texts(runs), names).is_empty()


def test_runs_are_named_as_shortly_as_they_can_be_told_apart() -> None:
    moments = [FIRST, FIRST + DAY, FIRST + DAY + timedelta(hours=1)]
    one_symbol = frame_of([Kept(moment) for moment in moments])
    two = frame_of([Kept(FIRST), Kept(FIRST, symbol="BTC-USDT"), Kept(FIRST, symbol="BTC-USDT")])

    assert comparing.run_names(one_symbol) == ["2025-11-01", "2025-11-02 16:49:20", "2025-11-02 17:49:20"]
    assert comparing.run_names(two) == [
        "SOL-USDT 2025-11-01",
        "BTC-USDT 2025-11-01 16:49:20",
        "BTC-USDT 2025-11-01 16:49:20 #2",
    ]


@pytest.mark.parametrize(
    "name", ["*", "^.*$", "^m$", "metric", "value", "2025-11-01", "a.b['c']", "", "é\n\x1b[31m"]
)
def test_any_name_of_a_metric_is_only_a_name(name: str) -> None:
    runs = runs_with({name: 1.0, "m": 5.0}, {name: 2.0, "m": 6.0})

    long = comparing.long(runs)
    assert long.filter(long["metric"] == name)["value"].to_list() == [1.0, 2.0]
    assert comparing.wide(runs).row(0) == (name, 1.0, 2.0, 1.0, 100.0)


def test_no_runs_and_no_metrics_are_empty_tables() -> None:
    assert comparing.long(runs_with()).is_empty()
    assert comparing.wide(runs_with()).is_empty()
    assert comparing.wide(runs_with({}, {})).is_empty()
    assert comparing.long(runs_with({"t": "x"})).is_empty()
