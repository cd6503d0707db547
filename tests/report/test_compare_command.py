"""`compare` as people and programs call it."""

from __future__ import annotations

import csv
import io
from math import nan

import pytest
from planting import plant

from huracan_spool.cli.side_by_side import side_by_side
from support.site import Site


@pytest.fixture
def filled(site: Site) -> Site:
    plant(site, "2025-11-10T16:49:20Z", win_rate=0.25, total_trades=100, loss=0.0, algorithm="ppo")
    plant(site, "2025-11-11T16:49:20Z", win_rate=0.5, total_trades=100, loss=1.0, algorithm="dqn")
    plant(site, "2025-11-12T09:15:00Z", win_rate=0.75, total_trades=100, superseded=True)
    plant(site, "2025-11-12T16:49:20Z", win_rate=0.125, total_trades=300, loss=nan, algorithm="dqn")
    return site


async def test_the_last_two_days_are_compared(filled: Site) -> None:
    done = await filled.command("compare", "SOL/USDT")

    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines()] == [
        ["metric", "2025-11-11", "2025-11-12", "difference"],
        ["loss", "1", "nan"],
        ["total_trades", "100", "300", "+200", "(+200.0", "%)"],
        ["win_rate", "0.5", "0.125", "-0.375", "(-75.0", "%)"],
        ["algorithm", "dqn", "dqn"],
    ]


async def test_dates_are_compared_with_the_first_one_named(filled: Site) -> None:
    asked = ("2025-11-12", "2025-11-10", "2025-11-12T09:15:00Z", "--metric", "win_rate", "--json")
    done = await filled.command("compare", "SOL/USDT", *asked)

    assert done.code == 0, done.err
    assert done.json == {
        "symbol": "SOL-USDT",
        "runs": [
            {
                "name": "2025-11-12 16:49:20",
                "date": "2025-11-12",
                "trained_at": "2025-11-12T16:49:20Z",
                "superseded": False,
            },
            {
                "name": "2025-11-10",
                "date": "2025-11-10",
                "trained_at": "2025-11-10T16:49:20Z",
                "superseded": False,
            },
            {
                "name": "2025-11-12 09:15:00",
                "date": "2025-11-12",
                "trained_at": "2025-11-12T09:15:00Z",
                "superseded": True,
            },
        ],
        "metrics": [
            {
                "metric": "win_rate",
                "values": [0.125, 0.25, 0.75],
                "differences": [None, 0.125, 0.625],
                "percents": [None, 100.0, 500.0],
            }
        ],
        "texts": [],
    }


async def test_json_has_no_nan_and_texts_apart(filled: Site) -> None:
    found = (await filled.command("compare", "SOL/USDT", "--since", "2025-11-10", "--json")).json

    loss = next(each for each in found["metrics"] if each["metric"] == "loss")
    assert (loss["values"], loss["differences"], loss["percents"]) == (
        *([0.0, 1.0, None], [None, 1.0, None]),
        [None, None, None],
    )
    assert found["texts"] == [{"metric": "algorithm", "values": ["ppo", "dqn", "dqn"]}]


async def test_csv_is_a_row_a_metric(filled: Site) -> None:
    done = await filled.command("compare", "SOL/USDT", "--csv")

    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["metric"] for row in rows] == ["loss", "total_trades", "win_rate"]
    assert rows[1]["2025-11-12 difference"] == "200.0"


async def test_only_what_differs(filled: Site) -> None:
    done = await filled.command("compare", "SOL/USDT", "2025-11-10", "2025-11-11", "--differences")
    same = await filled.command("compare", "SOL/USDT", "2025-11-10", "2025-11-10", "--differences")

    assert [line.split()[0] for line in done.out.splitlines()] == ["metric", "loss", "win_rate", "algorithm"]
    assert same.out == "no differences\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("SOL/USDT", "2025-11-10", "2025-12-24"), 1, "there is no run of 2025-12-24 of SOL-USDT"),
        (("BTC/USDT",), 1, "there is no run of BTC-USDT"),
        (("SOL/USDT", "--metric", "wins"), 1, "'wins'"),
        (("SOL/USDT", "--json", "--csv"), 64, "either --json or --csv"),
        (("SOL/USDT", "2025-11-10", "--since", "2025-11-10"), 64, "either dates, or --since and --until"),
        (("SOL/USDT", "tomorrow"), 64, "is no date"),
        (("SOL USDT",), 64, "SOL USDT"),
    ],
)
async def test_what_can_t_be_compared_is_said(
    filled: Site, arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = await filled.command("compare", *arguments)

    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err


async def test_what_a_terminal_would_obey_is_shown_as_text(site: Site) -> None:
    plant(site, "2025-11-10T16:49:20Z", **{"a\x1b[31m": 1, "note": "\x1b]0;owned\x07"})

    done = await site.command("compare", "SOL/USDT")

    assert done.code == 0, done.err
    assert "\x1b" not in done.out
    assert r"a\x1b[31m" in done.out


def test_a_table_too_wide_for_the_terminal_comes_in_pieces() -> None:
    heads = ["metric", "first", "second", "difference", "third", "difference"]
    rows = [heads, ["win_rate", "0.5", "0.25", "-0.25", "0.75", "+0.25"]]

    whole, pieces = side_by_side(rows, 200), side_by_side(rows, 40)

    assert len(whole.splitlines()) == 2
    assert [line.split() for line in pieces.splitlines()] == [
        ["metric", "first", "second", "difference"],
        ["win_rate", "0.5", "0.25", "-0.25"],
        [],
        ["metric", "first", "third", "difference"],
        ["win_rate", "0.5", "0.75", "+0.25"],
    ]
    assert max(len(line) for line in pieces.splitlines()) <= 40
