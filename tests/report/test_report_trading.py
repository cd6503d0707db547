"""Equity, drawdown and returns, as numbers."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl
import pytest
from shelves import FIRST

from huracan_spool.archive.report.columns import canonical_trades
from huracan_spool.archive.report.trading import MOST_GROUPS, MOST_POINTS, equity, returns


def trades_of(profits: list[float | None], **columns: list[object]) -> pl.DataFrame:
    exits = [FIRST + timedelta(minutes=minute) for minute in range(len(profits))]
    return canonical_trades(pl.DataFrame({"exit_time": exits, "profit_gbp": profits, **columns}))


def test_equity_is_the_sum_so_far_and_drawdown_the_way_below_its_top() -> None:
    found = equity(trades_of([1.0, -3.0, 1.0, 4.0, -1.0]))

    assert found is not None
    assert found.points["equity"].to_list() == [1.0, -2.0, -1.0, 3.0, 2.0]
    assert found.points["drawdown"].to_list() == [0.0, -3.0, -2.0, 0.0, -1.0]
    assert (found.total, found.deepest, found.unit, found.timed) == (2.0, -3.0, "GBP", True)


def test_a_first_loss_is_a_drawdown() -> None:
    found = equity(trades_of([-2.0, 1.0]))

    assert found is not None
    assert found.points["drawdown"].to_list() == [-2.0, -1.0]


def test_trades_count_in_the_order_of_their_exits() -> None:
    trades = trades_of([1.0, 10.0]).reverse()

    found = equity(trades)

    assert found is not None
    assert found.points["equity"].to_list() == [1.0, 11.0]


def test_without_all_times_the_file_s_order_counts() -> None:
    trades = trades_of([1.0, 10.0]).reverse()
    untimed = trades.with_columns(exit_timestamp=pl.when(pl.int_range(2) == 0).then("exit_timestamp"))

    found = equity(untimed)

    assert found is not None
    assert (found.timed, found.points["equity"].to_list()) == (False, [10.0, 11.0])


def test_a_trade_without_profit_counts_as_nothing_and_is_counted() -> None:
    found = equity(trades_of([1.0, None, 2.0]))

    assert found is not None
    assert (found.points["equity"].to_list(), found.without_profit) == ([1.0, 1.0, 3.0], 1)


def test_without_profits_in_money_those_in_basis_points_are_summed() -> None:
    found = equity(trades_of([None, None], profit_bps=[5.0, 6.0]))

    assert found is not None
    assert (found.total, found.unit) == (11.0, "basis points")
    assert equity(trades_of([None, None])) is None
    assert equity(trades_of([])) is None


@pytest.mark.parametrize("spike", [-500.0, 500.0])
def test_a_long_curve_is_thinned_and_keeps_its_extremes(spike: float) -> None:
    rng = random.Random(3)
    profits: list[float | None] = [rng.gauss(0, 1) for _ in range(50_000)]
    profits[31_234], profits[31_235] = spike, -spike

    found = equity(trades_of(profits))

    assert found is not None
    points = found.points
    assert points.height <= MOST_POINTS
    assert points["number"].is_sorted()
    assert (points["number"][0], points["number"][-1]) == (1, 50_000)
    assert points["drawdown"].min() == pytest.approx(found.deepest)
    assert points["equity"][-1] == found.total
    assert abs(points["equity"]).max() > 300


def test_returns_by_group_tell_every_trade_once() -> None:
    values = [float(value) for value in range(-50, 50)]
    words = ["STOP_LOSS" if value < 0 else "TAKE_PROFIT" for value in values]

    found = returns(trades_of([None] * 100, profit_bps=values, exit_reason=words), "exit_reason")

    assert found is not None
    assert [(each.name, each.trades, each.winners) for each in found.groups] == [
        ("STOP_LOSS", 50, 0.0),
        ("TAKE_PROFIT", 50, 49 / 50),
    ]
    assert found.bins["trades"].sum() == 100
    assert found.bins.group_by("group").agg(pl.col("share").sum())["share"].to_list() == pytest.approx([1.0, 1.0])
    losses = found.bins.filter(pl.col("group") == "STOP_LOSS")
    assert (losses["end"] <= 0).all(), "zero is a border"


def test_the_rarest_of_many_groups_are_one() -> None:
    words = [f"reason {number:02}" for number in range(20) for _ in range(20 - number)]

    found = returns(trades_of([1.0] * len(words), exit_reason=words), "exit_reason")

    assert found is not None
    assert len(found.groups) == MOST_GROUPS
    assert found.groups[-1].name == "(others)"
    assert sum(group.trades for group in found.groups) == len(words)


@pytest.mark.parametrize("value", [0.0, 1e-9, -7.5, 1e12])
def test_equal_returns_are_one_bin(value: float) -> None:
    found = returns(trades_of([value] * 5, exit_reason=["TIMEOUT"] * 5), "exit_reason")

    assert found is not None
    assert found.bins.height == 1
    assert found.bins["start"][0] <= value < found.bins["end"][0]


def test_outliers_are_counted_in_the_outermost_bins() -> None:
    values: list[float | None] = [float(number % 10) for number in range(1_000)]
    values[0], values[1] = 1e9, -1e9

    found = returns(trades_of(values, exit_reason=["TIMEOUT"] * 1_000), "exit_reason")

    assert found is not None
    assert (found.clipped, found.bins["trades"].sum()) == (2, 1_000)
    assert found.bins.height < 50


def test_without_words_or_values_there_is_nothing_to_group() -> None:
    assert returns(trades_of([1.0, 2.0]), "exit_reason") is None
    assert returns(trades_of([None], exit_reason=["TIMEOUT"]), "exit_reason") is None
