"""What a run's trades come to: equity, drawdown, and the returns of groups of trades. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from huracan_spool import formats

MOST_POINTS = 1_200  # of a curve: about one a pixel
MOST_GROUPS = 8
_BINS = 36
_REST = "(others)"
_NONE = "(none)"


@dataclass(frozen=True, slots=True)
class Equity:
    """`points`: `number` (from 1), `at` (null where not `timed`), `equity`, `drawdown` (never above 0)."""

    points: pl.DataFrame
    unit: str
    timed: bool
    trades: int
    without_profit: int
    total: float
    deepest: float


def equity(trades: pl.DataFrame) -> Equity | None:
    """The sum of profits after each trade, in the order of exits; None when no trade tells its profit."""
    for column, unit in (("net_profit_gbp", formats.GBP), ("gross_profit_bps", formats.BPS)):
        if trades[column].null_count() < trades.height:
            return _equity(trades, column, unit)
    return None


def _equity(trades: pl.DataFrame, column: str, unit: str) -> Equity:
    at = pl.coalesce("exit_timestamp", "entry_timestamp").alias("at")
    rows = trades.select(at, pl.col(column).fill_null(0.0).alias("profit"))
    timed = rows["at"].null_count() == 0
    if timed:
        rows = rows.sort("at", maintain_order=True)
    rows = rows.with_columns(pl.col("profit").cum_sum().alias("equity"), number=pl.int_range(1, pl.len() + 1))
    peak = pl.max_horizontal(pl.col("equity").cum_max(), 0.0)  # an account begins at nothing won
    rows = rows.select("number", "at", "equity", drawdown=pl.col("equity") - peak)
    return Equity(
        points=_thinned(rows),
        unit=unit,
        timed=timed,
        trades=trades.height,
        without_profit=trades[column].null_count(),
        total=rows["equity"][-1],
        deepest=float(str(rows["drawdown"].min())),
    )


def _thinned(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each stretch its first, lowest, highest and last point: a fall of one trade is not lost."""
    if rows.height <= MOST_POINTS:
        return rows
    stretch = pl.col("number") * (MOST_POINTS // 4) // (rows.height + 1)
    kept = rows.group_by(stretch.alias("stretch"), maintain_order=True).agg(
        pl.concat_list(
            pl.col("number").first(),
            pl.col("number").get(pl.col("drawdown").arg_min()),
            pl.col("number").get(pl.col("equity").arg_max()),
            pl.col("number").last(),
        ).alias("kept")
    )
    numbers = kept["kept"].explode().explode().unique()
    return rows.filter(pl.col("number").is_in(numbers.implode()))


@dataclass(frozen=True, slots=True)
class Group:
    """Trades that share a word; returns and their sums are in `Returns.unit`."""

    name: str
    trades: int
    winners: float  # of 1
    mean: float
    median: float
    total: float


@dataclass(frozen=True, slots=True)
class Returns:
    """`bins`: `group`, `trades`, `share` of the group's, `start`, `end`; the outermost hold what lies beyond."""

    groups: tuple[Group, ...]
    bins: pl.DataFrame
    unit: str
    clipped: int


def returns(trades: pl.DataFrame, column: str) -> Returns | None:
    """Returns by the words of `column`, the most frequent first; None when there is nothing to show."""
    for source, unit in (("gross_profit_bps", formats.BPS), ("net_profit_gbp", formats.GBP)):
        rows = trades.select(group=pl.col(column).fill_null(_NONE), value=pl.col(source)).drop_nulls("value")
        if rows.height and trades[column].null_count() < trades.height:
            return _returns(_grouped(rows), unit)
    return None


def _grouped(rows: pl.DataFrame) -> pl.DataFrame:
    """With all but the most frequent words in one group."""
    counts = rows["group"].value_counts().sort(["count", "group"], descending=[True, False])
    if counts.height <= MOST_GROUPS:
        return rows
    kept = counts["group"].head(MOST_GROUPS - 1)
    word = pl.col("group")
    return rows.with_columns(pl.when(word.is_in(kept.implode())).then(word).otherwise(pl.lit(_REST)).alias("group"))


def _returns(rows: pl.DataFrame, unit: str) -> Returns:
    value = pl.col("value")
    groups = (
        rows.group_by("group")
        .agg(
            trades=pl.len(),
            winners=(value > 0).mean(),
            mean=value.mean(),
            median=value.median(),
            total=value.sum(),
        )
        .sort([pl.col("group") == _REST, "trades", "group"], descending=[False, True, False])
    )
    low, width, count = _scale(rows["value"])
    place = ((value - low) / width).floor()
    clipped = rows.filter((place < 0) | (place >= count)).height
    bins = (
        rows.select("group", place=place.clip(0, count - 1).cast(pl.Int64))
        .group_by("group", "place")
        .agg(trades=pl.len())
        .with_columns(share=pl.col("trades") / pl.col("trades").sum().over("group"))
        .sort("group", "place")
        .select(
            "group",
            "trades",
            "share",
            start=low + pl.col("place") * width,
            end=low + (pl.col("place") + 1) * width,
        )
    )
    return Returns(tuple(Group(*row) for row in groups.rows()), bins, unit, clipped)


def _scale(values: pl.Series) -> tuple[float, float, int]:
    """Where the first bin begins, how wide each is, how many there are; zero is always a border."""
    low, high = (float(values.quantile(share) or 0.0) for share in (0.005, 0.995))
    width = _nice((high - low) / _BINS) if high > low else _nice(abs(low) / _BINS or 1.0)
    first, last = math.floor(low / width), math.floor(high / width)
    return first * width, width, last - first + 1


def _nice(width: float) -> float:
    """1, 2 or 5 times a power of ten, at least `width`."""
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width)
