"""Numbers as they are written, and which metrics are drawn."""

from __future__ import annotations

from math import inf, nan

import pytest
from shelves import FIRST, Kept, frame_of

from huracan_spool.archive.report import figures
from huracan_spool.archive.report.choice import MOST_METRICS, metrics_that_matter

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("value", "metric", "told"),
    [
        (None, "", figures.NOTHING),
        (0.0, "", "0"),
        (1234567, "", "1,234,567"),
        (3.14159, "", "3.142"),
        (-0.0001234, "", f"{MINUS}0.0001234"),
        (1e-9, "", "1.000e-09"),
        (1.2e18, "", "1.200e+18"),
        (12345.6, "", "12,346"),
        (nan, "", "nan"),
        (-inf, "", "-inf"),
        (0.5432, "win_rate", "54.32 %"),
        (0.0, "win_rate", "0 %"),
        (-1234.5, "total_profit_gbp", f"{MINUS}£1,234.50"),
        (1e13, "total_profit_gbp", "£1e+13"),
        (12.34, "mean_return_bps", "12.34 bps"),
        (True, "", "True"),
        ("ppo", "", "ppo"),
    ],
)
def test_a_value_in_the_unit_of_its_metric(value: object, metric: str, told: str) -> None:
    assert figures.told_value(value, metric) == told


def test_changes_have_a_sign_and_fractions_change_in_points() -> None:
    assert figures.change(0.05, "fraction, 0 to 1") == "+5 pp"
    assert figures.change(-2.0, "GBP") == f"{MINUS}£2.00"
    assert figures.change(0.0) == "0"
    assert [figures.percent(value) for value in (12.34, -5e7, None, nan)] == [
        "+12.3 %",
        f"{MINUS}5e+07 %",
        figures.NOTHING,
        figures.NOTHING,
    ]


def test_what_a_run_is_judged_by_comes_first_then_what_moves() -> None:
    metrics = {f"extra.{number:02}": 1.0 for number in range(40)}
    runs = frame_of(
        [
            Kept(FIRST, metrics={**metrics, "moving": 1.0, "win_rate": 0.5, "sharpe_ratio": 2.0, "note": "a"}),
            Kept(FIRST, metrics={**metrics, "moving": 2.0, "win_rate": 0.5, "sharpe_ratio": nan, "note": "b"}),
        ]
    )

    assert metrics_that_matter(runs) == ["sharpe_ratio", "win_rate", "moving"]


def test_there_are_never_too_many() -> None:
    runs = frame_of(
        [Kept(FIRST, metrics={f"m{each}": float(each + run) for each in range(40)}) for run in range(2)]
    )

    assert len(metrics_that_matter(runs)) == MOST_METRICS
