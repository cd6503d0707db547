"""The times of candles: their range, their usual step, and what breaks it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from huracan_spool import formats
from huracan_spool.inspection.notes import Notes, Tally, plural

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
_MOST_COMPARED = 2_000_000  # unsorted times, all with all: 16 MB of them, and a table four times as large
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_unit(kind: pa.DataType) -> str | None:
    """How a type counts time: `s`, `ms`, `us`, `ns`, `day`; `number` if only values tell; None if not at all."""
    if pa.types.is_timestamp(kind):
        unit: str = kind.unit
        return unit
    if pa.types.is_date32(kind):
        return "day"
    if pa.types.is_date64(kind):
        return "ms"
    return "number" if pa.types.is_integer(kind) else None


class Times:
    """Fed with one column, batch by batch. Steps are taken between neighbours, nulls left out.

    The usual step is the most frequent one of the first batch with steps: what is a gap is known from there on.
    """

    def __init__(self, unit: str, tally: Tally) -> None:
        self._unit = unit
        self._tally = tally
        self._last: pa.Int64Array | None = None  # of one element
        self._range: tuple[int, int] | None = None
        self._usual: int | None = None
        self._descends = False
        self._doubled = 0
        self._kept: list[pa.Int64Array] | None = []
        self._gaps = 0
        self._longest = 0
        self._first_gap = ""

    def look_at(self, column: pa.Array, row: int) -> None:
        """`row` is the number of the column's first row in the file."""
        column = _as_int64(column)
        rows = pc.indices_nonzero(pc.is_valid(column))
        times = column.drop_null()
        if len(times) == 0:
            return
        if self._last is None:  # the first one is compared with itself, and left out
            before, after, rows = times.slice(0, len(times) - 1), times.slice(1), rows.slice(1)
        else:
            before, after = (
                pa.concat_arrays([self._last, times.slice(0, len(times) - 1)]),
                times,
            )
        self._last = times.slice(len(times) - 1)
        self._widen(times)
        self._keep(times)
        self._judge(pc.subtract(after, before), rows, row)

    def _widen(self, times: pa.Int64Array) -> None:
        ends = pc.min_max(times).as_py()
        least, most = self._range or (ends["min"], ends["max"])
        self._range = min(least, ends["min"]), max(most, ends["max"])

    def _keep(self, times: pa.Int64Array) -> None:
        if self._kept is not None:
            self._kept.append(times)
            if sum(len(each) for each in self._kept) > _MOST_COMPARED:
                self._kept = None

    def _judge(self, steps: pa.Int64Array, rows: pa.UInt64Array, row: int) -> None:
        """`rows` are the places of the steps' later ends, counted from `row`. The difference wraps on overflow."""

        def first(mask: pa.BooleanArray) -> str:
            return f"row {row + rows[pc.index(mask, True).as_py()].as_py()}"

        back, same = pc.less(steps, 0), pc.equal(steps, 0)
        if times := pc.sum(back).as_py():
            self._descends = True
            what = "the time lies before that of the row above"
            self._tally.count("not_ascending", what, first(back), times)
        if times := pc.sum(same).as_py():
            self._doubled += times
            self._tally.count("doubled_time", "the time is that of the row above", first(same), times)
        if self._usual is None:
            self._usual = _most_frequent(steps.filter(pc.greater(steps, 0)))
        if self._usual is None:
            return
        wide = pc.greater(steps, self._usual)
        if times := pc.sum(wide).as_py():
            self._first_gap = self._first_gap or first(wide)
            self._gaps += times
            self._longest = max(self._longest, pc.max(steps).as_py())

    def report(self, notes: Notes) -> None:
        if self._range is None:
            return
        unit = self._unit_ratio()
        notes.facts["first"], notes.facts["last"] = (_moment(end, unit) for end in self._range)
        self._count_doubled()
        if self._usual is None:
            return
        notes.facts["step_seconds"] = _seconds(self._usual, unit)
        if self._gaps:
            message = (
                f"{plural(self._gaps, 'gap')}: more than the usual {_seconds(self._usual, unit)} s between two "
                f"candles, {_seconds(self._longest, unit)} s at most"
            )
            notes.add("gaps", message, self._first_gap)

    def _count_doubled(self) -> None:
        """Neighbours are enough where times ascend; else all are compared, if there are not too many."""
        if self._descends and self._kept is not None:
            times = pa.chunked_array(self._kept)
            doubled = len(times) - pc.count_distinct(times).as_py()
            if doubled > self._doubled:
                what = "the time is that of a row further up"
                self._tally.count("doubled_time", what, "somewhere above", doubled - self._doubled)

    def _unit_ratio(self) -> tuple[int, int]:
        """A unit is so many seconds, as numerator and denominator: floats would be off by one now and then."""
        if self._unit == "day":
            return _DAY, 1
        largest = max(abs(end) for end in self._range or (0,))
        return 1, _PER_SECOND[formats.unit_of_times(largest) if self._unit == "number" else self._unit]


def _as_int64(column: pa.Array) -> pa.Int64Array:
    """The column's own numbers; those above 2**63 wrap, as good as any other number for a time."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    return column.cast(pa.int64(), safe=False)


def _most_frequent(steps: pa.Int64Array) -> int | None:
    """Of equally frequent ones the shortest."""
    if len(steps) == 0:
        return None
    counts = pc.value_counts(steps)
    most = pc.max(counts.field("counts"))
    shortest: int = pc.min(counts.field("values").filter(pc.equal(counts.field("counts"), most))).as_py()
    return shortest


def _moment(time: int, unit: tuple[int, int]) -> str | int:
    """RFC 3339, whole seconds; the number itself where that is no year that a calendar has."""
    try:
        moment = _EPOCH + timedelta(seconds=time * unit[0] // unit[1])
    except OverflowError:
        return time
    return f"{moment.year:04d}{moment:-%m-%dT%H:%M:%SZ}"


def _seconds(step: int, unit: tuple[int, int]) -> float | int:
    whole, rest = divmod(step * unit[0], unit[1])
    return whole if rest == 0 else round(step * unit[0] / unit[1], 6)
