"""The shared candles of a symbol as one series.

Each file holds the weeks before its training, so of a year of daily files nearly every row is in seventy of them. What
a file's statistics tell (its first and last moment, its number of rows) is enough to leave most of them unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from huracan_spool.formats import CANDLE_COLUMNS

TIME = CANDLE_COLUMNS[0]
_NUMBER = "file"


class NoCandles(ValueError):
    """A file of candles without a column of times."""


@dataclass(frozen=True, slots=True)
class _Span:
    """The moments of a file's `rows`."""

    first: datetime
    last: datetime
    rows: int

    @property
    def even(self) -> bool:
        """Whether so many rows can be at equal steps, of whole minutes."""
        steps = self.rows - 1
        return steps > 0 and (self.last - self.first) % (timedelta(minutes=1) * steps) == timedelta(0)


def merged(files: Sequence[Path]) -> pl.LazyFrame:
    """One row per timestamp, from the newest file that has it; `files` are in order, oldest first.

    `ts` is first, in UTC; other names of the time are left out, other columns stay. Raises `NoCandles`.
    """
    frames, covered = [], list[_Span]()
    for number, path in sorted(enumerate(files), reverse=True):
        frame = rest = _scanned(path)
        for newer in covered:
            rest = rest.filter(~pl.col(TIME.name).is_between(newer.first, newer.last))
        span = _span(path)
        if span is not None and _is_inside(span, covered):
            continue
        frames.append(rest.with_columns(pl.lit(number, pl.Int32).alias(_NUMBER)))
        if span is not None and span.even and _is_whole(frame, span):
            covered = _joined([*covered, span])
    everything = pl.concat(frames, how="diagonal_relaxed")
    newest = everything.filter(pl.col(_NUMBER) == pl.col(_NUMBER).max().over(TIME.name))
    return newest.unique(TIME.name, keep="any").drop(_NUMBER).sort(TIME.name)


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
    names = [name for name in TIME.names if name in schema]
    if not names:
        raise NoCandles(f"{path}: none of {', '.join(TIME.names)} is a column")
    moment = _moment(pl.col(names[0]), schema[names[0]])
    others = [name for name in schema if name not in TIME.names]
    return frame.select(moment.alias(TIME.name), *others).drop_nulls(TIME.name)


def _moment(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if kind.is_integer():
        return pl.from_epoch(column, time_unit="ms").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if kind == pl.String:
        return column.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    if isinstance(kind, pl.Datetime) and kind.time_zone is None:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return column.cast(pl.Datetime("us", "UTC"))


def _span(path: Path) -> _Span | None:
    """From the file's own statistics, without reading a row; None where it has none."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - 0.1 s, for this alone

    metadata = pq.read_metadata(path)
    names = metadata.schema.names
    column = next((names.index(name) for name in TIME.names if name in names), None)
    if column is None or not metadata.num_row_groups:
        return None
    groups = [metadata.row_group(number).column(column).statistics for number in range(metadata.num_row_groups)]
    if not all(group is not None and group.has_min_max for group in groups):
        return None
    return _as_span(min(group.min for group in groups), max(group.max for group in groups), metadata.num_rows)


def _as_span(first: object, last: object, rows: int) -> _Span | None:
    moments = [_utc(value) for value in (first, last)]
    begin, end = moments
    return None if begin is None or end is None else _Span(begin, end, rows)


def _is_whole(frame: pl.LazyFrame, span: _Span) -> bool:
    """A row at every step: as many different moments as rows, all apart by the same step."""
    step = (span.last - span.first) / (span.rows - 1)
    steps = frame.select(pl.col(TIME.name).sort().diff().drop_nulls())
    least, most = steps.select(least=pl.col(TIME.name).min(), most=pl.col(TIME.name).max()).collect().row(0)
    return bool(least == most == step)


def _utc(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC)
    return None


def _is_inside(span: _Span, covered: Sequence[_Span]) -> bool:
    return any(each.first <= span.first and span.last <= each.last for each in covered)


def _joined(spans: Sequence[_Span]) -> list[_Span]:
    """Overlapping ones as one."""
    result: list[_Span] = []
    for span in sorted(spans, key=lambda each: each.first):
        if result and span.first <= result[-1].last:
            result[-1] = _Span(result[-1].first, max(result[-1].last, span.last), 0)
        else:
            result.append(span)
    return result
