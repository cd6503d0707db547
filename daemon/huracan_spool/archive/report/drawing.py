"""What all charts share: colours, a common look, and how a chart becomes a Vega-Lite document.

Texts out of runs reach a chart as data only. As a field's name they would be a path, in an expression code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import altair as alt

Chart: TypeAlias = alt.Chart | alt.LayerChart
Rows: TypeAlias = list[dict[str, Any]]

_DAY_MS = 86_400_000
_ROOM = 8  # pixels


@dataclass(frozen=True, slots=True)
class Palette:
    ink: str
    dim: str
    line: str
    blue: str
    good: str
    bad: str
    card: str
    font: str


# The page's own custom properties: what Vega draws as SVG follows the page into the dark and onto paper.
PAGE = Palette(
    ink="var(--ink)",
    dim="var(--dim)",
    line="var(--line)",
    blue="var(--blue)",
    good="var(--up)",
    bad="var(--down)",
    card="var(--card)",
    font="system-ui, sans-serif",
)
PICTURE = Palette(
    ink="#16191d",
    dim="#565e69",
    line="#dde1e6",
    blue="#0b5fcc",
    good="#1a7f4b",
    bad="#c4372c",
    card="#ffffff",
    font="DejaVu Sans, Arial, sans-serif",
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart. `name` is an identifier, `says` what a person would say who describes it, `note` stands below."""

    name: str
    title: str
    says: str
    draw: Callable[[Palette], Chart]
    note: str = ""
    moves: bool = False

    def document(self, palette: Palette, width: int | str) -> dict[str, Any]:
        """`width` in pixels, or `container`."""
        return finished(self.draw(palette).properties(width=width), palette)


def finished(chart: alt.TopLevelMixin, palette: Palette) -> dict[str, Any]:
    document: dict[str, Any] = chart.to_dict()
    document["config"] = _look(palette)
    return document


def _look(palette: Palette) -> dict[str, Any]:
    return {
        "aria": False,  # a label for each of a thousand marks helps nobody; the page describes the chart
        "background": None,
        "font": palette.font,
        "view": {"stroke": None},
        "axis": {
            "domainColor": palette.line,
            "gridColor": palette.line,
            "tickColor": palette.line,
            "labelColor": palette.dim,
            "labelFontSize": 12,
            "titleColor": palette.dim,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
        },
        "axisY": {"minExtent": 44},  # charts below and beside each other begin at one line
        "title": {"color": palette.ink, "subtitleColor": palette.dim, "anchor": "start", "fontSize": 14},
        "legend": {"labelColor": palette.dim, "titleColor": palette.dim},
    }


def layered(*charts: alt.Chart) -> alt.LayerChart:
    return alt.LayerChart(layer=list(charts))


def data_of(rows: Rows) -> alt.InlineData:
    return alt.InlineData(values=rows)


def rounded(value: float | None, digits: int = 7) -> float | None:
    """What a pixel can't show costs bytes. Six digits tell a price of six figures to the unit, seven to a tenth."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def milliseconds(moment: datetime) -> int:
    """Since 1970: how Vega counts time."""
    return round(moment.timestamp() * 1000)


def when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def time_axis(times: Iterable[int], *, ticks: int = 6) -> alt.X:
    """The axis of the field `at` in UTC, with some pixels of room at both ends: no point lies on a border."""
    known = list(times)
    days = (max(known) - min(known)) / _DAY_MS
    pattern = "%d %b %H:%M" if days < 3 else "%d %b" if days < 300 else "%b %Y"
    return alt.X(
        "at:T",
        title=None,
        scale=alt.Scale(type="utc", nice=False, padding=_ROOM),
        axis=alt.Axis(format=pattern, tickCount=ticks, labelOverlap=True, grid=False),
    )


def number_axis(field: str, pattern: str = ",.4~g", *, zero: bool = False, ticks: int = 5) -> alt.Y:
    return alt.Y(
        f"{field}:Q",
        title=None,
        stack=None,  # two trades of one moment are two values, not their sum
        scale=alt.Scale(zero=zero, nice=True),
        axis=alt.Axis(format=pattern, tickCount=ticks, domain=False, ticks=False, labelPadding=6),
    )
