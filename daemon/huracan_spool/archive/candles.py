"""The shared candles of a symbol as one series.

Each file holds the weeks before its training, so of a year of daily files nearly every row is in seventy of them.
The times alone, a sixth of a file, tell which rows newer files have as well, and those are left unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from huracan_spool import formats

TIME = formats.CANDLE_COLUMNS[0]
_NUMBER = "file"
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS = {"s": 10**6, "ms": 10**3, "us": 1}


class NoCandles(ValueError):
    """A file of candles without a column of times."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Moments at equal steps, of which one is `phase`."""

    phase: datetime
    step: timedelta

    def has(self, moments: pl.Series) -> bool:
        apart = (moments - self.phase).dt.total_microseconds() % round(self.step / _MICROSECOND)
        return bool((apart == 0).all())


@dataclass(frozen=True, slots=True)
class _Span:
    first: datetime
    last: datetime


def merged(files: Sequence[Path]) -> pl.LazyFrame:
    """One row per timestamp, from the newest file that has it; `files` are in order, oldest first.

    `ts` is first, in UTC; other names of the time are left out, other columns stay. Raises `NoCandles`.
    """
    frames: list[pl.LazyFrame] = []
    covered, grid = list[_Span](), None
    for number, path in sorted(enumerate(files), reverse=True):
        frame = _scanned(path)
        moments = frame.select(TIME.name).collect()[TIME.name].unique().sort()
        if moments.is_empty():
            continue
        span, its_grid = _Span(moments[0], moments[-1]), _grid_of(moments)
        if grid is None:
            grid = its_grid
        rest = frame
        if grid is not None and grid.has(moments):
            if _is_inside(span, covered):
                continue
            for newer in covered:
                rest = rest.filter(~pl.col(TIME.name).is_between(newer.first, newer.last))
            if its_grid is not None and its_grid.step == grid.step:
                covered = _joined([*covered, span])
        frames.append(rest.with_columns(pl.lit(number, pl.Int32).alias(_NUMBER)))
    everything = pl.concat(frames, how="diagonal_relaxed") if frames else _none(files)
    newest = everything.filter(pl.col(_NUMBER) == pl.col(_NUMBER).max().over(TIME.name))
    return newest.unique(TIME.name, keep="any").drop(_NUMBER).sort(TIME.name)


def _none(files: Sequence[Path]) -> pl.LazyFrame:
    return _scanned(files[-1]).with_columns(pl.lit(0, pl.Int32).alias(_NUMBER))


def _grid_of(moments: pl.Series) -> _Grid | None:
    """None where something is missing between the first and the last of these different moments, in order."""
    steps = moments.diff().drop_nulls().unique()
    return _Grid(moments[0], steps[0]) if len(steps) == 1 else None


def gaps(candles: pl.LazyFrame) -> pl.DataFrame:
    """`after` and `before` are the candles on both sides, `missing` how many should be between them."""
    steps = candles.select(before=pl.col(TIME.name), after=pl.col(TIME.name).shift(1)).drop_nulls()
    with_steps = steps.with_columns(step=pl.col("before") - pl.col("after")).collect()
    usual = with_steps["step"].mode().min()
    if not isinstance(usual, timedelta) or not usual:
        return pl.DataFrame(
            schema={"after": pl.Datetime("us", "UTC"), "before": pl.Datetime("us", "UTC"), "missing": pl.Int64}
        )
    holes = with_steps.filter(pl.col("step") > usual).sort("after")
    missing = (pl.col("step") / usual).floor().cast(pl.Int64) - 1
    return holes.select("after", "before", missing=missing)


def _scanned(path: Path) -> pl.LazyFrame:
    """With `ts` in UTC as its first column."""
    frame = pl.scan_parquet(path)
    schema = frame.collect_schema()
    names = list(schema)
    place = formats.places((TIME,), [name.lower() for name in names]).get(TIME.name)
    if place is None:
        raise NoCandles(f"{path}: none of {', '.join(TIME.names)} is a column")
    moment = _moment(frame, names[place], schema[names[place]])
    others = [name for name in names if name.lower() not in TIME.names]
    return frame.select(moment.alias(TIME.name), *others).drop_nulls(TIME.name)


def _moment(frame: pl.LazyFrame, name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind.is_numeric():
        largest = frame.select(column.abs().max()).collect().item()
        unit = formats.unit_of_times(int(largest or 0))
        counted = column // 1000 if unit == "ns" else column * _MICROSECONDS[unit]
        return counted.cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if kind == pl.String:
        return column.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    if isinstance(kind, pl.Datetime) and kind.time_zone is None:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return column.cast(pl.Datetime("us", "UTC"))


def _is_inside(span: _Span, covered: Sequence[_Span]) -> bool:
    return any(each.first <= span.first and span.last <= each.last for each in covered)


def _joined(spans: Sequence[_Span]) -> list[_Span]:
    """Overlapping ones as one."""
    result: list[_Span] = []
    for span in sorted(spans, key=lambda each: each.first):
        if result and span.first <= result[-1].last:
            result[-1] = _Span(result[-1].first, max(result[-1].last, span.last))
        else:
            result.append(span)
    return result
