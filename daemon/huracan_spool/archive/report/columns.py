"""Trades and candles as the report counts on them, whatever their columns are called and hold.

What is not of a column's type is null. A column that a file does not have is there, and all null.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import polars as pl

from huracan_spool import formats
from huracan_spool.formats import Field
from huracan_spool.inspection.trade_rows import seconds_of

TIME = pl.Datetime("us", "UTC")
_TYPES = {formats.NUMBER: pl.Float64(), formats.TEXT: pl.String(), formats.TIME: TIME}
_LONGEST = 80  # characters of a word such as an exit reason; each stands in the page many times
_UNITS = {"s": 10**6, "ms": 10**3, "us": 1}
_SECOND = 10**6  # of the microseconds in which times are kept
_LAST = 4_102_444_800 * _SECOND  # 2100: what lies beyond, or before 1970, is no time of a trade or candle


def canonical_trades(frame: pl.DataFrame) -> pl.DataFrame:
    return _canonical(frame, formats.TRADE_COLUMNS, frame.columns)


def canonical_candles(frame: pl.DataFrame) -> pl.DataFrame:
    return _canonical(frame, formats.CANDLE_COLUMNS, [name.lower() for name in frame.columns])


def _canonical(frame: pl.DataFrame, fields: Iterable[Field], names: list[str]) -> pl.DataFrame:
    known = tuple(field for field in fields if field.type in _TYPES)
    found = formats.places(known, names)
    columns = [
        _column(frame.to_series(found[field.name]), field)
        if field.name in found
        else pl.Series([None] * frame.height, dtype=_TYPES[field.type])
        for field in known
    ]
    return pl.DataFrame({field.name: column for field, column in zip(known, columns, strict=True)})


def _column(values: pl.Series, field: Field) -> pl.Series:
    try:
        if field.type == formats.TIME:
            return _times(values)
        cast = values.cast(_TYPES[field.type], strict=False)
    except pl.exceptions.PolarsError:  # lists, structures, objects: some types can't be cast at all
        return pl.Series([None] * len(values), dtype=_TYPES[field.type])
    return cast.set(~cast.is_finite(), None) if field.type == formats.NUMBER else cast.str.slice(0, _LONGEST)


def _times(values: pl.Series) -> pl.Series:
    kind = values.dtype
    if isinstance(kind, pl.Datetime | pl.Date):
        moments = values.cast(pl.Datetime("us", getattr(kind, "time_zone", None))).to_physical()
    elif kind.is_numeric():
        moments = _counted(values.cast(pl.Int64, strict=False))
    else:
        moments = pl.Series([_microseconds(text) for text in values.cast(pl.String)], dtype=pl.Int64)
    sane = moments.is_between(0, _LAST, closed="left").fill_null(value=False)
    return moments.set(~sane, None).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _counted(values: pl.Series) -> pl.Series:
    largest = max(abs(int(str(end or 0))) for end in (values.min(), values.max()))
    unit = formats.unit_of_times(largest)
    return values // 1000 if unit == "ns" else values * _UNITS[unit]


def _microseconds(text: str | None) -> int | None:
    with suppress(ValueError, OverflowError):
        return round(seconds_of(text or "") * _SECOND)
    return None
