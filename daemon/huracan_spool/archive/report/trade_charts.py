"""Charts of one run's trades: equity, drawdown, returns by group."""

from __future__ import annotations

from functools import partial

import altair as alt

from huracan_spool.archive.report import figures
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
from huracan_spool.archive.report.trading import MOST_POINTS, Equity, Returns

_ROW = 34  # pixels of a group


def equity_drawings(equity: Equity) -> list[Drawing]:
    rows = _points(equity)
    total, deepest = (figures.number(each, equity.unit) for each in (equity.total, equity.deepest))
    thinned = f" Drawn are {len(rows):,} points of {equity.trades:,}." if equity.trades > MOST_POINTS else ""
    missing = f" {equity.without_profit:,} trades tell no profit and count as 0." if equity.without_profit else ""
    order = "" if equity.timed else " Trades stand in the file's order: not all have a time."
    return [
        Drawing(
            name="equity",
            title="Equity",
            says=f"The sum of profits over {equity.trades} trades, {total} in the end",
            note=f"Sum of profits after costs, {total} in the end.{thinned}{missing}{order}",
            draw=partial(_curve, rows, equity, "equity"),
        ),
        Drawing(
            name="drawdown",
            title="Drawdown",
            says=f"How far equity lies below its highest point so far, {deepest} at worst",
            note=f"How far equity lies below its highest point so far, {deepest} at worst.",
            draw=partial(_curve, rows, equity, "drawdown"),
        ),
    ]


def _points(equity: Equity) -> Rows:
    rows = []
    for number, at, value, drawdown in equity.points.select("number", "at", "equity", "drawdown").rows():
        row = {
            "number": number,
            "equity": rounded(value),
            "drawdown": rounded(drawdown),
            "sum": figures.number(value, equity.unit),
            "below": figures.number(drawdown, equity.unit),
        }
        rows.append(row | ({"at": milliseconds(at), "when": when(at)} if equity.timed else {}))
    return rows


def _curve(rows: Rows, equity: Equity, field: str, palette: Palette) -> Chart:
    colour = palette.blue if field == "equity" else palette.bad
    x = time_axis(row["at"] for row in rows) if equity.timed else _trade_axis()
    y = number_axis(field, zero=True, ticks=5 if field == "equity" else 3)
    told = [alt.Tooltip("number:Q", title="trade"), alt.Tooltip("sum:N", title="equity")]
    told += [alt.Tooltip("below:N", title="drawdown")]
    if equity.timed:
        told.insert(0, alt.Tooltip("when:N", title="exit"))
    base = alt.Chart(data_of(rows)).encode(x=x, y=y, tooltip=told)
    area = base.mark_area(color=colour, opacity=0.15, interpolate="step-after")
    line = base.mark_line(color=colour, strokeWidth=1.5, interpolate="step-after")
    # Points that nobody sees are easier to hit with a pointer than a line.
    hit = base.mark_point(size=90, opacity=0 if len(rows) > 1 else 1, color=colour)
    return layered(area, line, hit).properties(height=240 if field == "equity" else 110)


def _trade_axis() -> alt.X:
    axis = alt.Axis(format=",d", tickMinStep=1, grid=False, labelOverlap=True)
    return alt.X("number:Q", title="trade", scale=alt.Scale(nice=False), axis=axis)


def returns_drawing(returns: Returns, name: str, title: str) -> Drawing:
    most = returns.groups[0]
    clipped = f" {returns.clipped:,} trades lie further out and are counted at the ends." if returns.clipped else ""
    return Drawing(
        name=name,
        title=title,
        says=f"Returns of trades in {len(returns.groups)} groups, the largest {most.name} with {most.trades}",
        note=f"How thick a bar is tells the share of the group's trades; the line is the median.{clipped}",
        draw=partial(_shapes, returns),
    )


def _shapes(returns: Returns, palette: Palette) -> Chart:
    """One row a group, each as a histogram that is mirrored: small groups are as readable as large ones."""
    names = {group.name: f"{group.name} ({group.trades:,})" for group in returns.groups}
    bins: Rows = [
        {
            "group": names[group],
            "start": rounded(start),
            "end": rounded(end),
            "share": rounded(share, 4),
            "won": (start + end) / 2 > 0,
            "from": f"{figures.number(start, returns.unit)} to {figures.number(end, returns.unit)}",
            "trades": f"{trades:,} ({share:.1%})",
        }
        for group, trades, share, start, end in returns.bins.rows()
    ]
    medians: Rows = [
        {
            "group": names[group.name],
            "median": rounded(group.median),
            "told": figures.number(group.median, returns.unit),
        }
        for group in returns.groups
    ]
    y = alt.Y(
        "group:N",
        sort=list(names.values()),
        title=None,
        axis=alt.Axis(labelLimit=150, domain=False, ticks=False, labelPadding=6, grid=False),
    )
    x = alt.X(
        "start:Q", title=returns.unit, scale=alt.Scale(nice=False), axis=alt.Axis(format=",.4~g", tickCount=7)
    )
    shapes = (
        alt.Chart(data_of(bins))
        .mark_bar(cornerRadius=1)
        .encode(
            x=x,
            x2="end:Q",
            y=y,
            size=alt.Size("share:Q", scale=alt.Scale(domainMin=0, range=[0.5, _ROW * 0.9]), legend=None),
            color=alt.Color(
                "won:N", scale=alt.Scale(domain=[True, False], range=[palette.good, palette.bad]), legend=None
            ),
            tooltip=[alt.Tooltip("group:N"), alt.Tooltip("from:N", title="return"), alt.Tooltip("trades:N")],
        )
    )
    lines = (
        alt.Chart(data_of(medians))
        .mark_tick(color=palette.ink, thickness=2, size=_ROW * 0.8)
        .encode(x="median:Q", y=y, tooltip=[alt.Tooltip("group:N"), alt.Tooltip("told:N", title="median")])
    )
    return layered(shapes, lines).properties(height=_ROW * len(names))
