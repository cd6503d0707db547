"""Candles that fit on a chart, and the trades marked there."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
from shelves import FIRST

from huracan_spool.archive.report.bars import LOOKED_AT_CLOSELY, MOST_BARS, bars, last_trades, marks
from huracan_spool.archive.report.columns import canonical_candles, canonical_trades

MINUTE = timedelta(minutes=1)
START = FIRST.replace(minute=0, second=0)


def candles_of(count: int, start: datetime = START, step: timedelta = MINUTE) -> pl.DataFrame:
    prices = [100.0 + number % 17 for number in range(count)]
    return canonical_candles(
        pl.DataFrame(
            {
                "timestamp": [start + number * step for number in range(count)],
                "open": prices,
                "high": [price + 2 for price in prices],
                "low": [price - 2 for price in prices],
                "close": [price + 1 for price in prices],
            }
        )
    )


def test_few_candles_stay_as_they_are() -> None:
    found = bars(candles_of(MOST_BARS))

    assert found is not None
    assert (found.rows.height, found.candles, found.step) == (MOST_BARS, MOST_BARS, "")


def test_many_candles_are_summed_over_a_usual_time() -> None:
    candles = candles_of(100_000)

    found = bars(candles)

    assert found is not None
    assert found.rows.height <= MOST_BARS
    assert (found.candles, found.step) == (100_000, "2 hours")
    first = candles.head(120)
    opened, high, low, closed = (found.rows[name][0] for name in ("open", "high", "low", "close"))
    assert (opened, high, low, closed) == (
        first["open"][0],
        first["high"].max(),
        first["low"].min(),
        first["close"][-1],
    )


def test_any_length_of_time_fits() -> None:
    """Candles of a minute over eighty years, far apart."""
    found = bars(candles_of(20_000, START.replace(year=1971), timedelta(days=1, hours=13)))

    assert found is not None
    assert found.rows.height <= MOST_BARS


def test_candles_in_no_order_come_out_in_order() -> None:
    found = bars(candles_of(10).reverse())

    assert found is not None
    assert found.rows["at"].is_sorted()


def test_without_time_or_price_there_are_no_bars() -> None:
    assert bars(canonical_candles(pl.DataFrame({"close": [1.0]}))) is None
    assert bars(canonical_candles(pl.DataFrame({"ts": [FIRST]}))) is None


def test_closing_prices_alone_are_bars_without_ranges() -> None:
    found = bars(canonical_candles(pl.DataFrame({"ts": [FIRST], "close": [1.0]})))

    assert found is not None
    assert not found.have_ranges


def trades_of(count: int) -> pl.DataFrame:
    entries = [START + number * MINUTE for number in range(count)]
    return canonical_trades(
        pl.DataFrame(
            {
                "entry_time": entries,
                "exit_time": [entry + 5 * MINUTE for entry in entries],
                "entry_price": [1.0] * count,
                "exit_price": [2.0] * count,
                "profit_gbp": [float(number if number % 2 else -number) for number in range(count)],
            }
        )
    )


def test_of_many_trades_the_largest_are_marked_in_order_of_time() -> None:
    found = marks(trades_of(100), START, START + timedelta(days=1), most=3)

    assert found.trades == 100
    assert found.rows["profit"].to_list() == [97.0, -98.0, 99.0]


def test_only_trades_of_the_candles_time_are_marked() -> None:
    found = marks(trades_of(100), START + 10 * MINUTE, START + 19 * MINUTE)

    assert (found.trades, found.rows.height) == (10, 10)


def test_a_trade_without_price_or_time_is_not_marked() -> None:
    trades = trades_of(2).with_columns(exit_price=pl.Series([None, 2.0]))

    assert marks(trades, START, START + timedelta(days=1)).trades == 1


def test_the_last_trades_are_looked_at_when_there_are_more() -> None:
    assert last_trades(trades_of(LOOKED_AT_CLOSELY)) is None
    window = last_trades(trades_of(LOOKED_AT_CLOSELY + 1))
    assert window is not None
    assert window[0] < START + MINUTE
    assert window[1] > START + (LOOKED_AT_CLOSELY + 5) * MINUTE
