"""What is found in candles, and where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from fuzz.corpus import START, candles_table, parquet
from huracan_spool.inspection.child import load_checks, look
from huracan_spool.inspection.report import Report
from huracan_spool.inspection.window import Window
from huracan_spool.manifest import Kind

CHECKS = load_checks([Kind.CANDLES])
NO_FACTS: dict[str, Any] = {}


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("candles")
    yield fd
    os.close(fd)


def inspected(memory: int, data: bytes) -> Report:
    os.ftruncate(memory, 0)
    os.pwrite(memory, data, 0)
    return look({Kind.CANDLES: Window(memory, len(data))}, CHECKS)


def changed(column: str, rows: dict[int, Any], count: int = 10) -> pa.Table:
    """Good candles, but for some values of one column."""
    table = candles_table(count)
    values = table.column(column).to_pylist()
    for row, value in rows.items():
        values[row] = value
    return table.set_column(
        table.schema.names.index(column), column, pa.array(values, table.schema.field(column).type)
    )


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def test_good_candles_have_facts_only(memory: int) -> None:
    report = inspected(memory, parquet(candles_table()))
    assert report.findings == ()
    assert report.facts[Kind.CANDLES] == {
        "format": "parquet",
        "rows": 200,
        "columns": {
            "timestamp": "timestamp[us, tz=UTC]",
            "open": "double",
            "high": "double",
            "low": "double",
            "close": "double",
            "volume": "double",
        },
        "first": "2025-11-12T00:00:00Z",
        "last": "2025-11-12T03:19:00Z",
        "step_seconds": 60,
    }


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (changed("volume", {3: 0.0}), [("zero_volume", "1 row: volume is zero", "row 3")]),
        (changed("volume", {3: -1.0, 5: -2.0}), [("negative_volume", "2 rows: volume is negative", "row 3")]),
        (changed("volume", {3: None}), [("nulls", "1 row: no volume", "row 3")]),
        (changed("volume", {3: float("nan")}), [("not_finite", "1 row: volume is not finite", "row 3")]),
        (
            changed("low", {4: 0.0, 5: -3.0}),
            [("not_positive", "2 rows: low is zero or negative", "row 4")],
        ),
        (
            changed("high", {9: float("inf")}),
            [("not_finite", "1 row: high is not finite", "row 9")],
        ),
        (
            changed("close", {2: 500.0}),
            [("outside_range", "1 row: close is not between low and high", "row 2")],
        ),
        (
            changed("high", {2: 50.0}),
            [
                ("high_below_low", "1 row: high is below low", "row 2"),
                ("outside_range", "1 row: open is not between low and high", "row 2"),
                ("outside_range", "1 row: close is not between low and high", "row 2"),
            ],
        ),
        (
            changed("timestamp", {4: minute(3)}),
            [
                ("gaps", "1 gap: more than the usual 60 s between two candles, 120 s at most", "row 5"),
                ("doubled_time", "1 row: the time is that of the row above", "row 4"),
            ],
        ),
        (
            changed("timestamp", {9: minute(60.5)}),
            [("gaps", "1 gap: more than the usual 60 s between two candles, 3150 s at most", "row 9")],
        ),
        (
            changed("timestamp", {9: minute(2)}),
            [
                ("not_ascending", "1 row: the time lies before that of the row above", "row 9"),
                ("doubled_time", "1 row: the time is that of a row further up", "somewhere above"),
            ],
        ),
        (
            changed("timestamp", {5: None}),
            [
                ("gaps", "1 gap: more than the usual 60 s between two candles, 120 s at most", "row 6"),
                ("nulls", "1 row: no timestamp", "row 5"),
            ],
        ),
        (candles_table(0), [("no_rows", "there are no candles in it", None)]),
        (
            candles_table(5).drop_columns(["volume", "timestamp"]),
            [
                ("missing_column", "there is no ts: the candle's opening", "column ts"),
                ("missing_column", "there is no volume: what was traded", "column volume"),
            ],
        ),
        (
            candles_table(3).set_column(1, "open", pa.array(["1", "2", "3"])),
            [("wrong_type", "numbers are expected, not string", "column open")],
        ),
        (
            candles_table(3).set_column(0, "time", pa.array(["1", "2", "3"])),
            [("wrong_type", "timestamps, dates or whole numbers are expected, not string", "column time")],
        ),
        (
            candles_table(3).append_column("open", pa.array([1, 2, 3])),
            [("doubled_column", "a name of two columns", "column open")],
        ),
        (
            candles_table(3).append_column("rsi", pa.array([None, None, 3.0])),
            [],
        ),
        (
            candles_table(3).set_column(1, "open", pa.array([Decimal("100.10")] * 3)).rename_columns(
                ["Date", "Open", "HIGH", "Low", "Close", "Volume"]
            ),
            [],
        ),
    ],
)  # fmt: skip
def test_what_is_odd_is_counted_and_has_a_place(
    memory: int, table: pa.Table, found: list[tuple[str, str, str | None]]
) -> None:
    report = inspected(memory, parquet(table))
    assert [(finding.code, finding.message, finding.where) for finding in report.findings] == found
    assert report.broken == ()


def test_rows_are_counted_over_all_of_the_file(memory: int) -> None:
    rows = 70_000 + 100_000  # more than two batches
    table = changed("volume", {150_000: -1.0, 160_000: -1.0}, rows)
    table = table.set_column(0, "timestamp", changed("timestamp", {140_000: minute(140_000.5)}, rows).column(0))
    assert [(each.code, each.message, each.where) for each in inspected(memory, parquet(table)).findings] == [
        ("gaps", "1 gap: more than the usual 60 s between two candles, 90 s at most", "row 140000"),
        ("negative_volume", "2 rows: volume is negative", "row 150000"),
    ]


SECONDS = int(START.timestamp())


@pytest.mark.parametrize(
    "times",
    [
        pa.array([SECONDS, SECONDS + 60]),
        pa.array([SECONDS * 1000, SECONDS * 1000 + 60_000]),
        pa.array([SECONDS * 10**6, SECONDS * 10**6 + 60 * 10**6]),
        pa.array([SECONDS * 10**9, SECONDS * 10**9 + 60 * 10**9]),
        pa.array([SECONDS * 1000, SECONDS * 1000 + 60_000], pa.uint64()),
        pa.array([START, minute(1)], pa.timestamp("ns")),
        pa.array([START, minute(1)], pa.timestamp("ms", "Asia/Tokyo")),
    ],
)
@pytest.mark.parametrize("name", ["ts", "timestamp", "time", "date", "open_time", "Datetime"])
def test_a_time_is_a_timestamp_or_a_number_since_1970(memory: int, times: pa.Array, name: str) -> None:
    report = inspected(memory, parquet(candles_table(2).set_column(0, name, times)))
    facts = report.facts[Kind.CANDLES]
    assert report.findings == ()
    assert (facts["first"], facts["last"], facts["step_seconds"]) == (
        "2025-11-12T00:00:00Z", "2025-11-12T00:01:00Z", 60
    )  # fmt: skip


def test_a_time_may_be_a_date(memory: int) -> None:
    days = pa.array([date(1969, 12, 31), date(1970, 1, 1), date(1970, 1, 2)])
    facts = inspected(memory, parquet(candles_table(3).set_column(0, "date", days))).facts[Kind.CANDLES]
    assert (facts["first"], facts["last"], facts["step_seconds"]) == (
        "1969-12-31T00:00:00Z", "1970-01-02T00:00:00Z", 86_400
    )  # fmt: skip


def test_times_no_calendar_has_are_told_as_numbers(memory: int) -> None:
    times = pa.array([-(2**63), 2**63 - 1, 5])
    facts = inspected(memory, parquet(candles_table(3).set_column(0, "timestamp", times))).facts[Kind.CANDLES]
    assert facts["first"] == datetime.fromtimestamp(-(2**63) // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_candles_in_one_row_group_and_in_many_are_the_same(memory: int) -> None:
    table = changed("timestamp", {150: minute(500)}, 200)
    one, many = (inspected(memory, parquet(table, row_group_size=size)) for size in (200, 7))
    assert one == many


@pytest.mark.parametrize("length", [0, 1, 4, 8, 12, 500, -1, -8, -100])
def test_a_truncated_file_is_broken(memory: int, length: int) -> None:
    report = inspected(memory, parquet(candles_table())[:length])
    assert [(each.code, each.severity) for each in report.findings] == [
        ("empty" if length == 0 else "unreadable", "broken")
    ]


def test_a_page_with_a_wrong_checksum_is_broken(memory: int) -> None:
    data = bytearray(parquet(candles_table(), compression="none", use_dictionary=False, write_page_checksum=True))
    data[1_000] ^= 1
    report = inspected(memory, bytes(data))
    assert [each.code for each in report.broken] == ["unreadable"]
    assert "could not verify page integrity" in report.broken[0].message


def test_a_csv_is_no_parquet_file(memory: int) -> None:
    report = inspected(memory, b"timestamp,open,high,low,close,volume\n")
    assert [each.code for each in report.broken] == ["unreadable"]
