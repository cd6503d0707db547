"""Candles: a Parquet file, read to its last page, a few thousand rows at a time.

pyarrow and not polars: with a buffered reader it holds one page of each column, however large the row groups are,
and what is damaged is an exception instead of a panic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from huracan_spool import formats
from huracan_spool.inspection.candle_times import Times, time_unit
from huracan_spool.inspection.notes import Notes, Tally, Unreadable, first_of
from huracan_spool.inspection.report import MAX_FACTS, told
from huracan_spool.inspection.window import Window

_BATCH_ROWS = 64 * 1024
_READ_BUFFER = 256 * 1024
_PRICES = ("open", "high", "low", "close")


def check_candles(file: Window, notes: Notes) -> None:
    """Raises `Unreadable`."""
    try:
        _check(file, notes)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Unreadable(f"it is no Parquet file that can be read: {told(str(error))}") from error


def _check(file: Window, notes: Notes) -> None:
    parquet = pq.ParquetFile(
        pa.PythonFile(file, mode="r"),
        buffer_size=_READ_BUFFER,
        pre_buffer=False,
        page_checksum_verification=True,
    )
    schema = parquet.schema_arrow
    names = schema.names
    notes.facts |= {
        "format": "parquet",
        "rows": parquet.metadata.num_rows,
        "columns": dict(zip(first_of(names), first_of([str(kind) for kind in schema.types]), strict=True)),
    }
    columns = _known_columns(schema, notes)
    candles = _Candles(columns, schema, notes)
    for batch in parquet.iter_batches(_BATCH_ROWS, use_threads=False):
        candles.look_at(batch)
    candles.report(parquet.metadata.num_rows)


def _known_columns(schema: pa.Schema, notes: Notes) -> dict[str, int]:
    """Where the columns that a candle has are: by our name, its position."""
    doubled = [name for name, times in Counter(schema.names).items() if times > 1]
    if doubled:
        notes.add("doubled_column", "a name of two columns", f"column {told(doubled[0])}")
    found = formats.places(formats.CANDLE_COLUMNS, [name.lower() for name in schema.names])
    for field in formats.CANDLE_COLUMNS:
        if field.required and field.name not in found:
            notes.add("missing_column", f"there is no {field.name}: {field.meaning}", f"column {field.name}")
    return found


class _Candles:
    """What is known after some batches."""

    def __init__(self, columns: Mapping[str, int], schema: pa.Schema, notes: Notes) -> None:
        self._notes = notes
        self._tally = Tally()
        self._row = 0
        self._nulls: dict[str, int] = {}
        self._names = schema.names
        self._numbers = {
            name: place for name, place in columns.items() if name != "ts" and self._is_number(schema.field(place))
        }
        self._known = set(columns.values())
        self._time_place = columns.get("ts")
        self._times = self._times_of(schema)

    def _is_number(self, field: pa.Field) -> bool:
        kind = field.type
        good: bool = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if not good:
            self._notes.add(
                "wrong_type", f"numbers are expected, not {told(str(kind))}", f"column {told(field.name)}"
            )
        return good

    def _times_of(self, schema: pa.Schema) -> Times | None:
        if self._time_place is None:
            return None
        field = schema.field(self._time_place)
        unit = time_unit(field.type)
        if unit is None:
            self._notes.add(
                "wrong_type",
                f"timestamps, dates or whole numbers are expected, not {told(str(field.type))}",
                f"column {told(field.name)}",
            )
            return None
        return Times(unit, self._tally)

    def look_at(self, batch: pa.RecordBatch) -> None:
        self._count_nulls(batch)
        if self._times is not None:
            self._times.look_at(batch.column(self._time_place), self._row)
        numbers = {name: pc.cast(batch.column(at), pa.float64(), safe=False) for name, at in self._numbers.items()}
        for code, what, mask in _wrong_rows(numbers):
            self._count(code, what, mask)
        self._row += batch.num_rows

    def _count_nulls(self, batch: pa.RecordBatch) -> None:
        for place, column in enumerate(batch.columns):
            if not column.null_count:
                continue
            name = told(self._names[place])
            self._nulls[name] = self._nulls.get(name, 0) + column.null_count
            if place in self._known:
                first = pc.index(pc.is_null(column), True).as_py()
                self._tally.count("nulls", f"no {name}", f"row {self._row + first}", column.null_count)

    def _count(self, code: str, what: str, mask: pa.BooleanArray) -> None:
        if times := pc.sum(mask).as_py():
            first = self._row + pc.index(mask, True).as_py()
            self._tally.count(code, what, f"row {first}", times)

    def report(self, rows: int) -> None:
        if rows == 0:
            self._notes.add("no_rows", "there are no candles in it")
        if self._nulls:
            self._notes.facts["nulls"] = dict(list(self._nulls.items())[:MAX_FACTS])
        if self._times is not None:
            self._times.report(self._notes)
        self._tally.report(self._notes)


def _wrong_rows(numbers: Mapping[str, pa.Array]) -> Iterator[tuple[str, str, pa.BooleanArray]]:
    """Code, clause, and a mask of rows. A comparison with null or NaN is not true, so each is counted once."""
    for name, values in numbers.items():
        yield "not_finite", f"{name} is not finite", pc.invert(pc.is_finite(values))
        if name in _PRICES:
            yield "not_positive", f"{name} is zero or negative", pc.less_equal(values, 0.0)
    if "volume" in numbers:
        volume = numbers["volume"]
        yield "negative_volume", "volume is negative", pc.less(volume, 0.0)
        yield "zero_volume", "volume is zero", pc.equal(volume, 0.0)
    if not numbers.keys() >= {"high", "low"}:
        return
    high, low = numbers["high"], numbers["low"]
    yield "high_below_low", "high is below low", pc.less(high, low)
    for name in ("open", "close"):
        if name in numbers:
            outside = pc.or_(pc.greater(numbers[name], high), pc.less(numbers[name], low))
            yield "outside_range", f"{name} is not between low and high", outside
