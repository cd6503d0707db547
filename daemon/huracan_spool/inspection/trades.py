"""Trades: a CSV file, read line by line with the standard library.

Trades are few, and what counts is where a bad one stands. A line takes about ten microseconds; of those past the
first `CHECKED_ROWS` only the number of values is looked at, so that the time allowed is enough for any size.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING

from huracan_spool import formats
from huracan_spool.inspection.notes import Notes, Tally, Unreadable, first_of
from huracan_spool.inspection.report import told
from huracan_spool.inspection.trade_rows import TradeRows
from huracan_spool.inspection.window import Window

if TYPE_CHECKING:
    from _csv import Reader

CHECKED_ROWS = 200_000


def check_trades(file: Window, notes: Notes) -> None:
    """Raises `Unreadable`."""
    text = io.TextIOWrapper(io.BufferedReader(file), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    try:
        _check(reader, notes)
    except UnicodeDecodeError as error:
        raise Unreadable("it is not UTF-8", _after(reader.line_num)) from error
    except csv.Error as error:
        raise Unreadable(f"it is no CSV that can be read: {told(str(error))}", f"line {reader.line_num}") from error


def _check(reader: Reader, notes: Notes) -> None:
    header = next((line for line in reader if line), [])
    notes.facts |= {"format": "csv", "rows": 0, "columns": first_of(header)}
    tally = Tally()
    rows = TradeRows(_known_columns(header, notes), tally)
    for values in reader:
        if not values:
            continue  # an empty line is no trade: every reader skips it
        where = f"line {reader.line_num}"
        missing = len(header) - len(values)
        if missing < 0:
            raise Unreadable(f"there are {len(values)} values for {len(header)} columns", where)
        if missing > 0:
            tally.count("short_line", "fewer values than columns", where)
        if rows.count < CHECKED_ROWS:
            rows.look_at(values + [""] * missing, where)
        else:
            rows.count += 1
    if rows.count == 0:
        notes.add("no_rows", "there are no trades in it")
    if rows.count > CHECKED_ROWS:
        notes.add("not_checked", f"of {rows.count} trades only the first {CHECKED_ROWS} were looked at in full")
    notes.facts |= rows.facts()
    tally.report(notes)


def _after(line: int) -> str | None:
    """Text is decoded some lines ahead."""
    return f"after line {line}" if line else None


def _known_columns(header: list[str], notes: Notes) -> dict[str, int]:
    """Where the columns that a trade has are: by our name, its position."""
    if not header:
        return {}
    doubled = [name for name, times in Counter(header).items() if times > 1]
    if doubled:
        notes.add("doubled_column", "a name of two columns", f"column {told(doubled[0])}")
    found = formats.places(formats.TRADE_COLUMNS, header)
    for field in formats.TRADE_COLUMNS:
        if field.required and field.name not in found:
            notes.add("missing_column", f"there is no {field.name}: {field.meaning}", f"column {field.name}")
    return found
