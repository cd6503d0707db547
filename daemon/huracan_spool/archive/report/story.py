"""What a report tells, decided: which charts, which figures, in which order. Page and pictures only show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from huracan_spool import words
from huracan_spool.archive.frame import IDENTITY
from huracan_spool.archive.report import figures
from huracan_spool.archive.report.candle_charts import candle_drawings
from huracan_spool.archive.report.choice import metrics_that_matter
from huracan_spool.archive.report.drawing import Drawing
from huracan_spool.archive.report.gathering import Material, Table
from huracan_spool.archive.report.metric_charts import metric_drawings
from huracan_spool.archive.report.trade_charts import equity_drawings, returns_drawing
from huracan_spool.archive.report.trading import Group, equity, returns
from huracan_spool.inspection.report import told

_KEY_FIGURES = 6


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the numbers at the top; `change` from the run before, empty where there is none to compare with."""

    name: str
    value: str
    change: str


@dataclass(frozen=True, slots=True)
class Grouped:
    """Returns by one of the trades' columns, drawn and as numbers in `unit`."""

    drawing: Drawing
    groups: tuple[Group, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class Section:
    """Charts, or the sentence that stands in their place."""

    drawings: tuple[Drawing, ...] = ()
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    material: Material
    metrics: tuple[Drawing, ...]
    metrics_left_out: int
    figures: tuple[Figure, ...]
    equity: Section
    by_reason: Grouped | None
    by_regime: Grouped | None
    candles: Section

    @property
    def symbol(self) -> str:
        return self.material.symbol

    @property
    def title(self) -> str:
        return f"{self.symbol}: run of {self.material.trained_at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def subtitle(self) -> str:
        days = self.material.runs["date"]
        count = words.of(len(days), "run", "runs")
        count += f" of {self.material.found:,}" if self.material.found > len(days) else ""
        first, last = f"{days[0]}", f"{days[-1]}"
        between = f"of {first}" if first == last else f"from {first} to {last}"
        return f"{count} {between}{'; this one is superseded' if self.material.superseded else ''}"

    @property
    def key_figures(self) -> tuple[str, ...]:
        line = " · ".join(f"{each.name} {each.value}" for each in self.figures)
        return (line,) if line else ()

    @property
    def run_drawings(self) -> tuple[Drawing, ...]:
        grouped = [each.drawing for each in (self.by_reason, self.by_regime) if each]
        return (*self.equity.drawings, *grouped, *self.candles.drawings)


def tell(material: Material) -> Story:
    runs = material.runs
    chosen = metrics_that_matter(runs)
    trades = material.trades.rows
    return Story(
        material=material,
        metrics=tuple(metric_drawings(runs, chosen, material.place)),
        metrics_left_out=len(runs.columns) - len(chosen) - len(IDENTITY),
        figures=tuple(_figures(material, chosen[:_KEY_FIGURES])),
        equity=_equity(material.trades),
        by_reason=_grouped(trades, "exit_reason", "Returns by exit reason"),
        by_regime=_grouped(trades, "market_regime", "Returns by market regime"),
        candles=_candles(material.candles, trades),
    )


def before(material: Material) -> int | None:
    """The position of the latest run before the chosen one that no later run of its day superseded."""
    rows = material.runs.select("trained_at", "superseded").rows()
    earlier = [
        (moment, place)
        for place, (moment, superseded) in enumerate(rows)
        if moment < material.trained_at and not superseded
    ]
    return max(earlier)[1] if earlier else None


def _figures(material: Material, metrics: list[str]) -> list[Figure]:
    previous = before(material)
    found = []
    for name in metrics:
        values = material.runs.get_column(name).cast(pl.Float64)
        value, old = values[material.place], values[previous] if previous is not None else None
        if value is None:
            continue
        change = "" if old is None else figures.change(value - old, figures.unit_of(name))
        found.append(Figure(told(name), figures.told_value(value, name), change))
    return found


def _equity(trades: Table) -> Section:
    if trades.rows is None:
        return Section(instead=(trades.trouble and f"The trades can't be read: {trades.trouble}") or _NO_TRADES)
    if trades.rows.is_empty():
        return Section(instead="The trades file has no rows: nothing was traded.")
    found = equity(trades.rows)
    if found is None:
        return Section(instead="Of no trade the profit is known.")
    return Section(tuple(equity_drawings(found)))


_NO_TRADES = "This run has no trades."


def _candles(candles: Table, trades: pl.DataFrame | None) -> Section:
    if candles.rows is None:
        trouble = f"The candles can't be read: {candles.trouble}"
        return Section(instead=trouble if candles.trouble else "This run has no candles.")
    if candles.rows.is_empty():
        return Section(instead="The candles file has no rows.")
    drawings = candle_drawings(candles.rows, trades)
    return Section(tuple(drawings), "" if drawings else "Of no candle both time and price are known.")


def _grouped(trades: pl.DataFrame | None, column: str, title: str) -> Grouped | None:
    found = returns(trades, column) if trades is not None else None
    if found is None:
        return None
    name = f"returns-{column.replace('_', '-')}"
    return Grouped(returns_drawing(found, name, title), found.groups, found.unit)


def findings(record: Any) -> list[dict[str, Any]]:
    """The inspection's findings as a record has them, which another version may have written."""
    inspection = record.get("inspection")
    found = inspection.get("findings") if isinstance(inspection, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
