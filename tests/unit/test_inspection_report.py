"""The verdict on its way through JSON, and what is refused there."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from huracan_spool.inspection.catalogue import FINDINGS
from huracan_spool.inspection.notes import Notes, Tally, Unreadable
from huracan_spool.inspection.report import MAX_FINDINGS, MAX_TEXT, Finding, Report, told
from huracan_spool.manifest import Kind

REPORT = Report(
    (
        Finding("unreadable", Kind.MODEL, "its pickle ends in the middle", "member model/data.pkl"),
        Finding("gaps", Kind.CANDLES, "1 gap"),
    ),
    {
        Kind.CANDLES: {"rows": 3, "columns": {"time": "int64"}, "step_seconds": 0.5},
        Kind.MODEL: {"globals": ["a.b"]},
    },
)


def test_a_report_comes_back_as_it_was() -> None:
    assert Report.from_json(json.loads(json.dumps(REPORT.to_json()))) == REPORT
    assert Report.from_json(Report(failed="it was not done").to_json()) == Report(failed="it was not done")


def test_facts_stand_under_their_kind_in_the_order_of_kinds() -> None:
    assert list(REPORT.to_json()) == ["failed", "findings", "model", "candles"]


def test_broken_and_odd_are_told_apart_by_the_catalogue() -> None:
    assert ([each.code for each in REPORT.broken], [each.code for each in REPORT.odd]) == (["unreadable"], ["gaps"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["findings", 0, "code"], "no_such_code"),
        (["findings", 0, "code"], ["unreadable"]),
        (["findings", 0, "severity"], "odd"),
        (["findings", 0, "kind"], "weights"),
        (["findings", 0, "kind"], None),
        (["findings", 0, "message"], "two\nlines"),
        (["findings", 0, "message"], "x" * (MAX_TEXT + 1)),
        (["findings", 0, "message"], None),
        (["findings", 0, "where"], 5),
        (["findings", 0, "more"], "x"),
        (["findings", 0], "unreadable"),
        (["findings"], {}),
        (["findings"], [REPORT.findings[0].to_json()] * (MAX_FINDINGS * len(Kind) + 1)),
        (["failed"], 5),
        (["candles"], []),
        (["candles", "rows"], "\ud800"),
        (["candles", "rows"], "\x1b[31m"),
        (["candles", "rows"], float("nan")),
        (["candles", "rows"], list(range(300))),
        (["candles", "rows"], {"a": {"b": {"c": 1}}}),
        (["candles", "two\nlines"], 1),
        (["weights"], {}),
    ],
)
def test_a_verdict_that_is_not_as_agreed_is_refused(path: list[Any], value: object) -> None:
    document = copy.deepcopy(REPORT.to_json())
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=r"."):
        Report.from_json(document)


@pytest.mark.parametrize("document", [None, [], "x", {}, {"findings": []}, {"failed": None}])
def test_a_verdict_that_lacks_something_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        Report.from_json(document)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("open", "open"),
        ("naïve €", "naïve €"),
        ("a\nb\x1b[0m", "a\\nb\\x1b[0m"),
        ("\ud800", "\\ud800"),
        ("\u202e", "\\u202e"),
        ("x" * 100, "x" * 80 + "…"),
        ("\x00" * 10_000, "\\x00" * 20 + "…"),
    ],
)
def test_text_from_a_file_is_made_fit_to_be_shown(text: str, shown: str) -> None:
    assert told(text) == shown


def test_findings_are_no_more_than_a_report_holds_and_the_last_word_is_kept() -> None:
    notes = Notes(Kind.TRADES)
    for number in range(MAX_FINDINGS + 10):
        notes.add("nulls", f"finding {number}")
    notes.close(Unreadable("it ends here"))
    assert len(notes.findings) == MAX_FINDINGS
    assert notes.findings[0].message == "it ends here"


def test_a_tally_counts_and_keeps_the_first_place() -> None:
    notes, tally = Notes(Kind.TRADES), Tally()
    for line in (5, 7, 9):
        tally.count("nulls", "no size", f"line {line}")
    tally.report(notes)
    assert notes.findings == [Finding("nulls", Kind.TRADES, "3 rows: no size", "line 5")]


def test_codes_are_words_and_severities_two() -> None:
    assert all(code.isidentifier() and code.islower() for code in FINDINGS)
    assert {entry.severity for entry in FINDINGS.values()} == {"broken", "odd"}
