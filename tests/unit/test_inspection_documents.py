"""What is found in metrics and features."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fuzz.corpus import features_json, metrics_json
from huracan_spool.inspection.child import load_checks, look
from huracan_spool.inspection.report import Report
from huracan_spool.inspection.window import Window
from huracan_spool.manifest import Kind


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("document")
    yield fd
    os.close(fd)


def inspected(memory: int, kind: Kind, data: bytes) -> Report:
    os.ftruncate(memory, 0)
    os.pwrite(memory, data, 0)
    return look({kind: Window(memory, len(data))}, load_checks([kind]))


def found(report: Report) -> list[tuple[str, str, str | None]]:
    return [(finding.code, finding.message, finding.where) for finding in report.findings]


def test_good_documents_have_facts_only(memory: int) -> None:
    assert inspected(memory, Kind.METRICS, metrics_json()) == Report(
        (),
        {
            Kind.METRICS: {
                "format": "json",
                "keys": 8,
                "total_trades": 40,
                "win_rate": 0.325,
                "sharpe_ratio": -0.5,
                "total_profit_gbp": -0.025,
            }
        },
    )
    assert inspected(memory, Kind.FEATURES, features_json()) == Report(
        (), {Kind.FEATURES: {"format": "json", "keys": 4, "features": 8}}
    )


@pytest.mark.parametrize(
    ("data", "message", "where"),
    [
        (b"\n", "it is not JSON: Expecting value", "line 2, column 1"),
        (b'{"a": 1', "it is not JSON: Expecting ',' delimiter", "line 1, column 8"),
        (b'{"a": 1}\n{}', "it is not JSON: Extra data", "line 2, column 1"),
        (b"{'a': 1}", "it is not JSON: Expecting property name enclosed in double quotes", "line 1, column 2"),
        (b'{"a": "\xff"}', "it is not UTF-8", "byte 7"),
        (b'{"a": 1}'.decode().encode("utf-16"), "it is not UTF-8", "byte 0"),
        (b"[" * 100_000, "it is nested too deeply to be parsed", None),
    ],
)
def test_what_no_reader_takes_is_broken(memory: int, data: bytes, message: str, where: str | None) -> None:
    report = inspected(memory, Kind.METRICS, data)
    assert [(each.message, each.where) for each in report.broken] == [(message, where)]


def test_whole_numbers_longer_than_python_reads_are_broken(memory: int) -> None:
    assert [each.code for each in inspected(memory, Kind.METRICS, b"9" * 5_000).broken] == ["unreadable"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sharpe_ratio": "high"}, ("wrong_type", "sharpe_ratio should be number, not text", "key sharpe_ratio")),
        ({"total_trades": 1.5}, ("wrong_type", "total_trades should be integer, not a number", "key total_trades")),
        ({"total_trades": True}, ("wrong_type", "total_trades should be integer, not a boolean",
                                  "key total_trades")),
        ({"total_trades": 40.0}, None),
        ({"win_rate": 54}, ("out_of_range", "win_rate should be a fraction, 0 to 1, and is 54", "key win_rate")),
        ({"win_rate": 10**400}, ("out_of_range", "win_rate should be a fraction, 0 to 1, and is 1" + 79 * "0" + "…",
                                 "key win_rate")),
        ({"max_drawdown": None}, None),
        ({"sharpe_ratio": float("nan")}, ("not_finite", "1 number not finite, which JSON does not allow",
                                          "key sharpe_ratio")),
        (
            {"history": {"loss": [0.5, [float("inf"), 1], float("nan")]}},
            ("not_finite", "2 numbers not finite, which JSON does not allow", "key history.loss[1][0]"),
        ),
        ({"a\nb": {"": [float("nan")]}}, ("not_finite", "1 number not finite, which JSON does not allow",
                                          "key a\\nb.[0]")),
        ({"anything": {"else": 1}}, None),
    ],
)  # fmt: skip
def test_what_is_odd_in_metrics_has_a_key(
    memory: int, changes: dict[str, object], expected: tuple[str, str, str] | None
) -> None:
    report = inspected(memory, Kind.METRICS, metrics_json(**changes))
    assert found(report) == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"total_features": 9}, ("other_length", "the count is 9, the columns are 8", None)),
        ({"feature_columns": ["a", "b", "a", *"cdefg"]}, ("doubled_column", "1 name of columns more than once",
                                                         "a")),
        ({"feature_columns": [1] * 8}, ("wrong_type", "feature_columns should be texts, not a list",
                                        "key feature_columns")),
        ({"feature_columns": {}}, ("wrong_type", "feature_columns should be texts, not an object",
                                   "key feature_columns")),
        ({"dimensions": [1.5]}, ("wrong_type", "dimensions should be counts, not a list", "key dimensions")),
        ({"higher_order_enabled": "yes"}, ("wrong_type", "higher_order_enabled should be boolean, not text",
                                           "key higher_order_enabled")),
    ],
)  # fmt: skip
def test_what_is_odd_in_features_has_a_key(
    memory: int, changes: dict[str, object], expected: tuple[str, str, str | None]
) -> None:
    assert found(inspected(memory, Kind.FEATURES, features_json(**changes))) == [expected]


def test_a_key_that_is_missing_or_stands_twice_is_odd(memory: int) -> None:
    data = b'{"total_trades": 1, "win_rate": 1, "sharpe_ratio": 0, "win_rate": 0.5, "x": {"y": 1, "y": 2}}'
    assert found(inspected(memory, Kind.METRICS, data)) == [
        ("doubled_key", "2 keys more than once", "key win_rate"),
        ("missing_key", "there is no total_profit_gbp: sum of all trades, after costs", "key total_profit_gbp"),
    ]


@pytest.mark.parametrize("data", [b"[]", b"5", b"null", b'"text"'])
def test_another_value_than_an_object_is_odd(memory: int, data: bytes) -> None:
    assert [code for code, _, _ in found(inspected(memory, Kind.METRICS, data))] == ["not_an_object"]


def test_an_empty_file_is_broken(memory: int) -> None:
    assert [each.code for each in inspected(memory, Kind.FEATURES, b"").broken] == ["empty"]
