"""From the archive to what a report tells: everything is fetched here, the rest is pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import polars as pl

from huracan_spool.archive.choosing import choose
from huracan_spool.archive.report.columns import canonical_candles, canonical_trades
from huracan_spool.inspection.report import told


class StoredRun(Protocol):
    @property
    def record(self) -> Mapping[str, Any]: ...
    @property
    def features(self) -> Mapping[str, Any]: ...
    def trades(self) -> pl.DataFrame | None: ...
    def candles(self) -> pl.DataFrame | None: ...


class StoredRuns(Protocol):
    """What a report needs of `Archive`."""

    def runs(
        self, symbol: str | None = None, since: date | None = None, until: date | None = None
    ) -> pl.DataFrame: ...
    def run(self, symbol: str, day: date, trained_at: datetime | None = None) -> StoredRun: ...


MOST_RUNS = 1_000  # on one page; each is a point in every chart of a metric


@dataclass(frozen=True, slots=True)
class Table:
    """A run's trades or candles with `formats`' names; `trouble` says why there is none though there is a file."""

    rows: pl.DataFrame | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """`runs` as the archive gives them, at most `MOST_RUNS` of all `found`; the rest is of the one at `place`.

    `features` is empty for a run without, None when they can't be read.
    """

    symbol: str
    runs: pl.DataFrame
    found: int
    place: int
    record: Mapping[str, Any]
    features: Mapping[str, Any] | None
    trades: Table
    candles: Table

    @property
    def trained_at(self) -> datetime:
        moment: datetime = self.runs["trained_at"][self.place]
        return moment

    @property
    def superseded(self) -> bool:
        return bool(self.runs["superseded"][self.place])


def gather(
    archive: StoredRuns,
    symbol: str,
    chosen: date | datetime | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Material:
    """`chosen` as for `choose`. Raises `LookupError`, and what the archive raises."""
    runs = archive.runs(symbol, since, until)
    place = choose(runs, symbol, chosen)
    moment: datetime = runs["trained_at"][place]
    run = archive.run(symbol, moment.date(), moment)
    first = _first_shown(place, len(runs))
    return Material(
        symbol=symbol,
        runs=runs[first : first + MOST_RUNS],
        found=len(runs),
        place=place - first,
        record=run.record,
        features=_features(run),
        trades=_table(run.trades, canonical_trades),
        candles=_table(run.candles, canonical_candles),
    )


def _first_shown(place: int, count: int) -> int:
    """The latest ones are shown, or from the one before the chosen on, if that is among earlier ones."""
    return max(0, min(place - 1, count - MOST_RUNS))


def _features(run: StoredRun) -> Mapping[str, Any] | None:
    try:
        return run.features
    except (ValueError, RecursionError):
        return None


def _table(read: Callable[[], pl.DataFrame | None], canonical: Callable[[pl.DataFrame], pl.DataFrame]) -> Table:
    """A file that can't be read is told of in the report: without `inspection: strict` such files are stored."""
    try:
        rows = read()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
        return Table(trouble=told(str(error).partition("\n")[0]))
    return Table(None if rows is None else canonical(rows))
