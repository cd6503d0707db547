"""What is found in trades, alone and against the metrics."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from fuzz.corpus import metrics_json, trades_csv
from huracan_spool.inspection.child import load_checks, look
from huracan_spool.inspection.report import Report
from huracan_spool.inspection.trades import CHECKED_ROWS
from huracan_spool.inspection.window import Window
from huracan_spool.manifest import Kind

CHECKS = load_checks([Kind.TRADES, Kind.METRICS])


@pytest.fixture
def memory() -> Iterator[dict[Kind, int]]:
    fds = {kind: os.memfd_create(kind) for kind in CHECKS}
    yield fds
    for fd in fds.values():
        os.close(fd)


def inspected(memory: Mapping[Kind, int], trades: bytes, metrics: bytes | None = None) -> Report:
    contents = {Kind.TRADES: trades} if metrics is None else {Kind.TRADES: trades, Kind.METRICS: metrics}
    for kind, data in contents.items():
        os.ftruncate(memory[kind], 0)
        os.pwrite(memory[kind], data, 0)
    windows = {kind: Window(memory[kind], len(data)) for kind, data in contents.items()}
    return look(windows, {kind: CHECKS[kind] for kind in contents})


def changed(column: str, value: str, line: int = 3) -> bytes:
    """Good trades, but for one value; `line` counts from 1, and the header is the first."""
    lines = [each.split(",") for each in trades_csv(5).decode().splitlines()]
    lines[line - 1][lines[0].index(column)] = value
    return ("\n".join(",".join(each) for each in lines) + "\n").encode()


def found(report: Report) -> list[tuple[str, str, str | None]]:
    return [(finding.code, finding.message, finding.where) for finding in report.findings]


def test_good_trades_have_facts_only(memory: dict[Kind, int]) -> None:
    report = inspected(memory, trades_csv(), metrics_json())
    assert report.findings == ()
    facts = dict(report.facts[Kind.TRADES])
    assert len(facts.pop("columns")) == 13
    assert facts == {
        "format": "csv",
        "rows": 40,
        "first": "2025-11-12T00:00:00Z",
        "last": "2025-11-12T05:59:00Z",
        "win_rate": 0.325,
    }


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("is_winner", "True", ("winner_without_profit",
                               "1 row: is_winner does not go with the sign of the profit")),
        ("is_winner", "maybe", ("wrong_type", "1 row: is_winner should be boolean")),
        ("exit_reason", "LUCK", ("unknown_word",
                                 "1 row: exit_reason is none of TAKE_PROFIT, STOP_LOSS, TIMEOUT, MODEL_SIGNAL")),
        ("direction", "UP", ("unknown_word", "1 row: direction is none of LONG, SHORT")),
        ("entry_price", "0", ("not_positive", "1 row: entry_price is zero or negative")),
        ("entry_price", "inf", ("not_finite", "1 row: entry_price is not finite")),
        ("entry_price", "NaN", ("nulls", "1 row: no entry_price")),
        ("entry_price", "", ("nulls", "1 row: no entry_price")),
        ("exit_price", "1,5", None),
        ("exit_price", "about five", ("wrong_type", "1 row: exit_price should be number")),
        ("model_confidence", "75", ("out_of_range", "1 row: model_confidence should be a fraction, 0 to 1")),
        ("hold_duration_minutes", "30", ("wrong_duration", "1 row: the hold time is not exit minus entry")),
        ("exit_timestamp", "2025-11-11T00:00:00", ("exit_before_entry", "1 row: the exit lies before the entry")),
        ("entry_timestamp", "yesterday", ("wrong_type", "1 row: entry_timestamp should be time")),
        ("market_regime", "anything", None),
    ],
)  # fmt: skip
def test_what_is_odd_has_a_line(
    memory: dict[Kind, int], column: str, value: str, expected: tuple[str, str] | None
) -> None:
    if value == "1,5":
        value = '"1.5"'
    report = inspected(memory, changed(column, value, line=5))
    assert found(report) == ([] if expected is None else [(*expected, "line 5")])


def test_a_profit_of_nothing_is_neither_won_nor_lost(memory: dict[Kind, int]) -> None:
    assert found(inspected(memory, changed("net_profit_gbp", "0.0", line=3))) == []


def test_times_are_also_milliseconds(memory: dict[Kind, int]) -> None:
    trades = b"entry_timestamp,exit_timestamp\n1712101512345,1712101572345.0\n"
    facts = inspected(memory, trades).facts[Kind.TRADES]
    assert (facts["first"], facts["last"]) == ("2024-04-02T23:45:12Z", "2024-04-02T23:46:12Z")


def test_the_pipelines_other_names_are_known(memory: dict[Kind, int]) -> None:
    header, rest = trades_csv(3).split(b"\n", 1)
    for name, other in ((b"entry_timestamp", b"entry_time"), (b"net_profit_gbp", b"profit_gbp")):
        header = header.replace(name, other)
    assert found(inspected(memory, header + b"\n" + rest)) == []


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", trades_csv(0)])
def test_no_trades_are_odd(memory: dict[Kind, int], data: bytes) -> None:
    report = inspected(memory, data)
    assert [finding.code for finding in report.findings] == ["no_rows"]
    assert report.facts[Kind.TRADES]["rows"] == 0


@pytest.mark.parametrize(
    ("data", "message", "where"),
    [
        (b"a,b\n1,2,3\n", "there are 3 values for 2 columns", "line 2"),
        (b'a,b\n1,"2\n', "it is no CSV that can be read: unexpected end of data", "line 2"),
        (b"a,b\n1,\xff\n", "it is not UTF-8", None),
        (
            b"a\n" + b"x" * 200_000,
            "it is no CSV that can be read: field larger than field limit (131072)",
            "line 2",
        ),
    ],
)
def test_what_no_reader_takes_is_broken(
    memory: dict[Kind, int], data: bytes, message: str, where: str | None
) -> None:
    report = inspected(memory, data)
    assert [(each.message, each.where) for each in report.broken] == [(message, where)]


def test_past_the_first_trades_only_the_shape_is_looked_at(memory: dict[Kind, int]) -> None:
    late = b"net_profit_gbp,is_winner\n" + b"1.5,True\n" * CHECKED_ROWS + b"1.5,False\nwhat,ever\n"
    report = inspected(memory, late)
    facts = report.facts[Kind.TRADES]
    assert [each.code for each in report.findings if each.code != "missing_column"] == ["not_checked"]
    assert (facts["rows"], "win_rate" in facts) == (CHECKED_ROWS + 2, False)
    assert [each.code for each in inspected(memory, late + b"1,2,3\n").broken] == ["unreadable"]


def test_a_line_that_is_cut_off_is_odd(memory: dict[Kind, int]) -> None:
    report = inspected(memory, trades_csv(3)[:-40])
    assert ("short_line", "1 row: fewer values than columns", "line 4") in found(report)
    assert report.broken == ()


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"total_trades": 39}, ("other_count", "total_trades is 39, the trades are 40", "key total_trades")),
        ({"win_rate": 0.33}, None),
        ({"win_rate": 0.35}, ("other_win_rate", "win_rate is 0.35, that of the trades 0.325", "key win_rate")),
        (
            {"win_rate": 32.5},
            ("out_of_range", "win_rate should be a fraction, 0 to 1, and is 32.5", "key win_rate"),
        ),
        ({"win_rate": None, "total_trades": None}, None),
    ],
)
def test_metrics_and_trades_are_compared(
    memory: dict[Kind, int], metrics: dict[str, object], expected: tuple[str, str, str] | None
) -> None:
    report = inspected(memory, trades_csv(), metrics_json(**metrics))
    assert found(report)[:1] == ([] if expected is None else [expected])
    assert {finding.kind for finding in report.findings} <= {Kind.METRICS}
