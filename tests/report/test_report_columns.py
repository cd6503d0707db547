"""Trades and candles under any of their names and types come out alike."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from huracan_spool.archive.report.columns import canonical_candles, canonical_trades

MOMENT = datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC)
SECONDS = 1_762_966_160


@pytest.mark.parametrize(
    "times",
    [
        pl.Series([MOMENT]),
        pl.Series([MOMENT.replace(tzinfo=None)]),
        pl.Series([MOMENT]).dt.convert_time_zone("Europe/Berlin"),
        pl.Series([MOMENT]).cast(pl.Datetime("ns", "UTC")),
        pl.Series([SECONDS]),
        pl.Series([SECONDS * 1_000]),
        pl.Series([float(SECONDS * 1_000)]),
        pl.Series([SECONDS * 10**6]),
        pl.Series([SECONDS * 10**9]),
        pl.Series(["2025-11-12T16:49:20Z"]),
        pl.Series(["2025-11-12 17:49:20+01:00"]),
        pl.Series([f"{SECONDS}000"]),
    ],
    ids=lambda series: str(series.dtype),
)
@pytest.mark.parametrize("name", ["ts", "Timestamp", "open_time"])
def test_times_are_moments_in_utc(times: pl.Series, name: str) -> None:
    candles = canonical_candles(pl.DataFrame({name: times, "Close": [1]}))

    assert candles["ts"].to_list() == [MOMENT]
    assert candles["close"].to_list() == [1.0]


def test_a_day_is_its_midnight() -> None:
    candles = canonical_candles(pl.DataFrame({"date": [date(2025, 11, 12)]}))

    assert candles["ts"].to_list() == [datetime(2025, 11, 12, tzinfo=UTC)]


@pytest.mark.parametrize(
    "times",
    [["yesterday", ""], [None, None], [-5, 2**62], [True, False], [[1], [2]], [{"a": 1}, None], [b"x", b"y"]],
    ids=str,
)
def test_what_is_no_time_is_missing(times: list[object]) -> None:
    candles = canonical_candles(pl.DataFrame({"ts": pl.Series(times, strict=False)}))

    assert candles["ts"].to_list() == [None, None]


def test_trades_have_all_columns_by_one_name_each() -> None:
    trades = canonical_trades(
        pl.DataFrame({"size_gbp": ["100.5", "much"], "profit_bps": [float("nan"), 3.0], "regime": [1, None]})
    )

    assert trades["position_size_gbp"].to_list() == [100.5, None]
    assert trades["gross_profit_bps"].to_list() == [None, 3.0]
    assert trades["market_regime"].to_list() == ["1", None]
    assert trades["entry_timestamp"].to_list() == [None, None]


def test_a_file_without_anything_known_still_has_its_rows() -> None:
    assert canonical_trades(pl.DataFrame({"x": [1, 2, 3]})).height == 3
    assert canonical_trades(pl.DataFrame()).height == 0
