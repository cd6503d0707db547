"""Candles as a chart can hold them, and the trades that are marked on them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

MOST_BARS = 1_500
MOST_TRADES = 150
LOOKED_AT_CLOSELY = 60  # trades

_STEPS = {
    "1m": "minute",
    "5m": "5 minutes",
    "15m": "15 minutes",
    "30m": "30 minutes",
    "1h": "hour",
    "2h": "2 hours",
    "4h": "4 hours",
    "8h": "8 hours",
    "12h": "12 hours",
    "1d": "day",
    "2d": "2 days",
    "1w": "week",
    "1mo": "month",
    "3mo": "3 months",
    "1y": "year",
}


@dataclass(frozen=True, slots=True)
class Bars:
    """`rows`: `at`, `open`, `high`, `low`, `close`, ascending; null but for `at` and `close` where unknown.

    `step` says of how long a time each is, when they are sums of `candles`; else it is empty.
    """

    rows: pl.DataFrame
    candles: int
    step: str = ""

    @property
    def have_ranges(self) -> bool:
        return all(self.rows[name].null_count() < self.rows.height for name in ("open", "high", "low"))


@dataclass(frozen=True, slots=True)
class Marks:
    """`rows`: the trades to be drawn; `trades` is how many lie in the chart's time."""

    rows: pl.DataFrame
    trades: int


def bars(candles: pl.DataFrame, most: int = MOST_BARS) -> Bars | None:
    """None when not one candle tells its time and price."""
    rows = (
        candles.select("open", "high", "low", "close", at=pl.col("ts"))
        .drop_nulls(["at", "close"])
        .sort("at", maintain_order=True)
    )
    if rows.is_empty():
        return None
    if rows.height <= most:
        return Bars(rows, rows.height)
    step = next((each for each in _STEPS if _number(rows, each) <= most), "1y")
    return Bars(_summed(rows, step), rows.height, _STEPS[step])


def _number(rows: pl.DataFrame, step: str) -> int:
    return rows["at"].dt.truncate(step).n_unique()


def _summed(rows: pl.DataFrame, step: str) -> pl.DataFrame:
    return (
        rows.group_by(pl.col("at").dt.truncate(step), maintain_order=True)
        .agg(
            pl.col("open").drop_nulls().first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
        )
        .select("open", "high", "low", "close", "at")
    )


def marks(trades: pl.DataFrame, start: datetime, end: datetime, most: int = MOST_TRADES) -> Marks:
    """Those entered between `start` and `end`; of more than `most` the largest profits and losses."""
    rows = trades.drop_nulls(["entry_timestamp", "exit_timestamp", "entry_price", "exit_price"]).filter(
        pl.col("entry_timestamp").is_between(start, end)
    )
    profit = pl.coalesce("net_profit_gbp", "gross_profit_bps").fill_null(0.0)
    rows = rows.with_columns(profit=profit)
    largest = rows.sort(pl.col("profit").abs(), descending=True, maintain_order=True).head(most)
    return Marks(largest.sort("entry_timestamp", maintain_order=True), rows.height)


def last_trades(trades: pl.DataFrame) -> tuple[datetime, datetime] | None:
    """The time of the last trades, with a little room; None when a chart of all shows them as well."""
    times = trades.select("entry_timestamp", "exit_timestamp").drop_nulls().sort("entry_timestamp")
    if times.height <= LOOKED_AT_CLOSELY:
        return None
    last = times.tail(LOOKED_AT_CLOSELY)
    start: datetime = last["entry_timestamp"][0]
    end = max(last["exit_timestamp"].to_list())
    room = max((end - start) / 20, timedelta(minutes=1))
    return start - room, end + room
