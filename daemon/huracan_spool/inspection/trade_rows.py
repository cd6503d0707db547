"""One trade after the other: types, and what the values of a trade say about each other."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from huracan_spool import formats
from huracan_spool.formats import Field
from huracan_spool.inspection.notes import Tally

_PRICES = ("entry_price", "exit_price")
_BOOLEANS = {
    "true": True,
    "1": True,
    "1.0": True,
    "yes": True,
    "false": False,
    "0": False,
    "0.0": False,
    "no": False,
}
_NO_VALUES = frozenset({"", "nan", "none", "null", "na", "n/a", "nat", "<na>"})  # as pandas and polars write them
_ONE_MINUTE = 1.0 + 1e-6  # hold times are written as whole minutes, rounded one way or the other
_MILLISECONDS = 1000.0
_NUMBER = re.compile(r"[+-]?[0-9]{9,}(\.[0-9]*)?([eE][+-]?[0-9]+)?")


class TradeRows:
    def __init__(self, columns: Mapping[str, int], tally: Tally) -> None:
        fields = {field.name: field for field in formats.TRADE_COLUMNS}
        self._columns = [(fields[name], place, _PARSERS[fields[name].type]) for name, place in columns.items()]
        self._tally = tally
        self.count = 0
        self._winners = 0
        self._judged = 0
        self._first: float | None = None
        self._last: float | None = None

    def look_at(self, line: list[str], where: str) -> None:
        """`line` has a value for every column."""
        self.count += 1
        values = {
            field.name: self._value(field, line[place], parse, where) for field, place, parse in self._columns
        }
        self._check_prices(values, where)
        self._check_winner(values, where)
        self._check_times(values, where)

    def facts(self) -> dict[str, Any]:
        """`win_rate` only where every trade says whether it won."""
        facts: dict[str, Any] = {"rows": self.count}
        if self._first is not None and self._last is not None:
            facts |= {"first": _told_time(self._first), "last": _told_time(self._last)}
        if self.count and self._judged == self.count:
            facts["win_rate"] = round(self._winners / self.count, 6)
        return facts

    def _value(self, field: Field, text: str, parse: Callable[[str], Any], where: str) -> Any:
        """None for what is missing or of another type, once that is counted."""
        if text.strip().lower() in _NO_VALUES:
            self._tally.count("nulls", f"no {field.name}", where)
            return None
        try:
            value = parse(text)
        except (ValueError, OverflowError):
            self._tally.count("wrong_type", f"{field.name} should be {field.type}", where)
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._tally.count("not_finite", f"{field.name} is not finite", where)
            return None
        if field.words and value not in field.words:
            self._tally.count("unknown_word", f"{field.name} is none of {', '.join(field.words)}", where)
        if field.unit == formats.FRACTION and not 0 <= value <= 1:
            self._tally.count("out_of_range", f"{field.name} should be a {field.unit}", where)
        return value

    def _check_prices(self, values: Mapping[str, Any], where: str) -> None:
        for name in _PRICES:
            price = values.get(name)
            if price is not None and price <= 0:
                self._tally.count("not_positive", f"{name} is zero or negative", where)

    def _check_winner(self, values: Mapping[str, Any], where: str) -> None:
        """A profit of nothing is neither; producers disagree on it."""
        winner, profit = values.get("is_winner"), _profit(values)
        if winner is not None and profit and winner != (profit > 0):
            self._tally.count("winner_without_profit", "is_winner does not go with the sign of the profit", where)
        if winner is None and profit is not None:
            winner = profit > 0
        if winner is not None:
            self._judged += 1
            self._winners += winner

    def _check_times(self, values: Mapping[str, Any], where: str) -> None:
        entry, left, minutes = (
            values.get(name) for name in ("entry_timestamp", "exit_timestamp", "hold_duration_minutes")
        )
        for moment in (entry, left):
            if moment is not None:
                self._first = moment if self._first is None else min(self._first, moment)
                self._last = moment if self._last is None else max(self._last, moment)
        if entry is None or left is None:
            return
        if left < entry:
            self._tally.count("exit_before_entry", "the exit lies before the entry", where)
        elif minutes is not None and abs((left - entry) / 60 - minutes) > _ONE_MINUTE:
            self._tally.count("wrong_duration", "the hold time is not exit minus entry", where)


def _profit(values: Mapping[str, Any]) -> float | None:
    """The net one decides, where there is one: costs can turn a winner's sign."""
    net: float | None = values.get("net_profit_gbp")
    return net if net is not None else values.get("gross_profit_bps")


def _boolean(text: str) -> bool:
    """Raises `ValueError`."""
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise ValueError(text)
    return value


def seconds_of(text: str) -> float:
    """Seconds since 1970, from RFC 3339 (UTC when it has no offset) or milliseconds. Raises `ValueError`."""
    text = text.strip()
    if _NUMBER.fullmatch(text):  # first: some milliseconds are also dates, 17121015 is one and 12345 the time
        return float(text) / _MILLISECONDS
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _told_time(seconds: float) -> str | float:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return seconds
    return f"{moment.year:04d}{moment:-%m-%dT%H:%M:%SZ}"


_PARSERS: dict[str, Callable[[str], Any]] = {
    formats.NUMBER: float,
    formats.INTEGER: float,
    formats.TEXT: str,
    formats.BOOLEAN: _boolean,
    formats.TIME: seconds_of,
}
