"""Which run is meant by a date or a time."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl


def choose(runs: pl.DataFrame, symbol: str, chosen: date | datetime | None = None) -> int:
    """The position of a run in what `Archive.runs` gave for `symbol`.

    `chosen` is a date, which stands for the latest run of that day, or a run's very time; None: the latest run.
    Raises `LookupError`.
    """
    found = [
        place for place, row in enumerate(runs.select("trained_at", "superseded").rows()) if _fits(row, chosen)
    ]
    if not found:
        wanted = f" of {chosen:%Y-%m-%dT%H:%M:%SZ}" if isinstance(chosen, datetime) else f" of {chosen}"
        raise LookupError(f"there is no run{wanted if chosen else ''} of {symbol} in the archive")
    return max(found, key=lambda place: (runs["trained_at"][place], not runs["superseded"][place], place))


def _fits(row: tuple[datetime, bool], chosen: date | datetime | None) -> bool:
    moment, superseded = row
    if isinstance(chosen, datetime):
        return moment == chosen
    return not superseded and chosen in {None, moment.date()}
