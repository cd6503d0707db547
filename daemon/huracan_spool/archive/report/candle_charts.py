"""Candles with the entries and exits of trades."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import altair as alt
import polars as pl

from huracan_spool.archive.report import figures
from huracan_spool.archive.report.bars import LOOKED_AT_CLOSELY, Bars, Marks, bars, last_trades, marks
from huracan_spool.archive.report.drawing import (
    Chart,
    Drawing,
    Palette,
    Rows,
    data_of,
    layered,
    milliseconds,
    number_axis,
    rounded,
    time_axis,
    when,
)
from huracan_spool.formats import GBP

_HEIGHT = 340
_USUAL_WIDTH = 1_050  # pixels: what bars are thin or thick for
_BEHIND = 0.5  # opacity of candles behind trades
# A page is scrolled with the wheel and a finger; the chart takes neither from it.
_ZOOM = "wheel![event.ctrlKey || event.metaKey]"
_MOVE = "[mousedown, window:mouseup] > window:mousemove!"


@dataclass(frozen=True, slots=True)
class _View:
    bars: Bars
    marks: Marks


def candle_drawings(candles: pl.DataFrame, trades: pl.DataFrame | None) -> list[Drawing]:
    """All candles, and the last trades once more where a chart of all is too coarse for them."""
    whole = _view(candles, trades)
    if whole is None:
        return []
    title = "Candles, entries and exits" if whole.marks.trades else "Candles"
    drawings = [_drawing("candles", title, whole)]
    window = last_trades(trades) if trades is not None else None
    if window is not None:
        start, end = window
        close = _view(candles.filter(pl.col("ts") >= start, pl.col("ts") <= end), trades)
        if close is not None and close.bars.candles < whole.bars.candles and close.marks.trades:
            drawings.append(_drawing("candles-close", f"The last {close.marks.trades} trades", close))
    return drawings


def _view(candles: pl.DataFrame, trades: pl.DataFrame | None) -> _View | None:
    found = bars(candles)
    if found is None:
        return None
    start, end = _ends(candles)
    return _View(found, Marks(pl.DataFrame(), 0) if trades is None else marks(trades, start, end))


def _ends(candles: pl.DataFrame) -> tuple[datetime, datetime]:
    times = candles["ts"].drop_nulls().sort()
    return times[0], times[-1]


def _drawing(name: str, title: str, view: _View) -> Drawing:
    known, marked = view.bars, view.marks
    summed = f"One bar a {known.step}" if known.step.isalpha() else f"One bar for {known.step}"
    drawn = f"{summed}: {known.rows.height:,} for {known.candles:,} candles." if known.step else ""
    drawn = drawn or f"{known.candles:,} candles."
    left_out = marked.trades - marked.rows.height
    most = f" Of {marked.trades:,} trades the {marked.rows.height:,} with the largest profit or loss are marked."
    all_of_them = f" {marked.trades:,} trades." if marked.trades else ""
    return Drawing(
        name=name,
        title=title,
        says=f"{drawn}{most if left_out else all_of_them}",
        note=f"{drawn}{most if left_out else all_of_them} Times are UTC.",
        draw=partial(_chart, view, name),
        moves=True,
    )


def _chart(view: _View, name: str, palette: Palette) -> Chart:
    rows = _rows(view.bars)
    base = alt.Chart(data_of(rows)).encode(x=time_axis(row["at"] for row in rows))
    marked = view.marks.rows.height > 0
    layers = _candles(base, view.bars, palette, _BEHIND if marked else 1.0)
    if not view.bars.have_ranges:
        layers = [_line(base, palette)]
    if marked:
        layers += _marks(view.marks, palette)
    moving = alt.selection_interval(
        name=f"{name.replace('-', '_')}_x", bind="scales", encodings=["x"], zoom=_ZOOM, translate=_MOVE
    )
    return layered(layers[0].add_params(moving), *layers[1:]).properties(height=_HEIGHT)


def _rows(known: Bars) -> Rows:
    return [
        {
            "at": milliseconds(at),
            "when": when(at),
            "open": rounded(opened),
            "high": rounded(high),
            "low": rounded(low),
            "close": rounded(closed),
        }
        for opened, high, low, closed, at in known.rows.select("open", "high", "low", "close", "at").rows()
    ]


def _candles(base: alt.Chart, known: Bars, palette: Palette, opacity: float) -> list[alt.Chart]:
    thickness = min(9.0, max(0.8, _USUAL_WIDTH / known.rows.height * 0.65))
    colour = alt.when("datum.close >= datum.open").then(alt.value(palette.good)).otherwise(alt.value(palette.bad))
    told = [alt.Tooltip("when:N", title="UTC")]
    told += [alt.Tooltip(f"{name}:Q", format=",.7~g") for name in ("open", "high", "low", "close")]
    thin = base.mark_rule(strokeWidth=min(1.0, thickness), opacity=opacity).encode(
        y=number_axis("low"), y2="high:Q", color=colour, tooltip=told
    )
    thick = base.mark_rule(strokeWidth=thickness, opacity=opacity).encode(
        y="open:Q", y2="close:Q", color=colour, tooltip=told
    )
    return [thin, thick]


def _line(base: alt.Chart, palette: Palette) -> alt.Chart:
    line: alt.Chart = base.mark_line(color=palette.dim, strokeWidth=1).encode(y=number_axis("close"))
    return line


def _marks(marked: Marks, palette: Palette) -> list[alt.Chart]:
    """A line from entry to exit; a triangle at the entry, pointing where it wants to go, a dot at the exit."""
    rows: Rows = [
        {
            "at": milliseconds(trade["entry_timestamp"]),
            "left": milliseconds(trade["exit_timestamp"]),
            "entry": rounded(trade["entry_price"]),
            "exit": rounded(trade["exit_price"]),
            "won": trade["profit"] > 0,
            "short": trade["direction"] == "SHORT",
            "direction": trade["direction"],
            "in": when(trade["entry_timestamp"]),
            "out": when(trade["exit_timestamp"]),
            "profit": _profit(trade),
            "reason": trade["exit_reason"],
        }
        for trade in marked.rows.iter_rows(named=True)
    ]
    told = [alt.Tooltip(f"{name}:N") for name in ("direction", "in", "out", "profit", "reason")]
    told[3:3] = [alt.Tooltip(f"{name}:Q", format=",.7~g") for name in ("entry", "exit")]
    colour = alt.when("datum.won").then(alt.value(palette.good)).otherwise(alt.value(palette.bad))
    base = alt.Chart(data_of(rows)).encode(color=colour, tooltip=told)
    entry = alt.X("at:T", scale=alt.Scale(type="utc"))
    path = base.mark_rule(strokeWidth=1.5, opacity=0.9).encode(x=entry, x2="left:T", y="entry:Q", y2="exit:Q")
    triangle = alt.when("datum.short").then(alt.value("triangle-down")).otherwise(alt.value("triangle-up"))
    size = 70 if len(rows) <= LOOKED_AT_CLOSELY * 1.2 else 30
    entries = base.mark_point(filled=True, opacity=1, size=size, stroke=palette.card, strokeWidth=0.7).encode(
        x=entry, y="entry:Q", shape=triangle
    )
    exits = base.mark_point(
        filled=True, opacity=1, size=size * 0.7, shape="circle", stroke=palette.card, strokeWidth=0.7
    ).encode(x=alt.X("left:T", scale=alt.Scale(type="utc")), y="exit:Q")
    return [path, entries, exits]


def _profit(trade: dict[str, object]) -> str:
    for column, unit in (("net_profit_gbp", GBP), ("gross_profit_bps", "basis points")):
        if isinstance(value := trade[column], float):
            return figures.number(value, unit, signed=True)
    return figures.NOTHING
