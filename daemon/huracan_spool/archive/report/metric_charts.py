"""Metrics over dates: one small chart each, so that each has a scale of its own."""

from __future__ import annotations

from functools import partial

import altair as alt
import polars as pl

from huracan_spool import formats
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
from huracan_spool.inspection.report import told

_HEIGHT = 130
_MANY = 90  # runs: beyond, points say more than the line between them


def metric_drawings(runs: pl.DataFrame, metrics: list[str], place: int) -> list[Drawing]:
    """The run at `place` is marked."""
    return [_drawing(runs, metric, number, place) for number, metric in enumerate(metrics)]


def _drawing(runs: pl.DataFrame, metric: str, number: int, place: int) -> Drawing:
    rows = _rows(runs, metric, place)
    field = figures.field_of(metric)
    return Drawing(
        name=f"metric-{number}",
        title=told(metric),
        says=_says(metric, rows),
        note=field.meaning if field else "",
        draw=partial(_chart, rows, figures.unit_of(metric)),
    )


def _rows(runs: pl.DataFrame, metric: str, place: int) -> Rows:
    values = runs.get_column(metric).cast(pl.Float64)
    rows = []
    for each, (moment, superseded, value) in enumerate(
        zip(runs["trained_at"], runs["superseded"], values, strict=True)
    ):
        if (known := rounded(value)) is not None:
            rows.append(
                {
                    "at": milliseconds(moment),
                    "value": known,
                    "when": when(moment),
                    "told": figures.told_value(known, metric),
                    "superseded": bool(superseded),
                    "chosen": each == place,
                }
            )
    return rows


def _says(metric: str, rows: Rows) -> str:
    values = [row["value"] for row in rows]
    least, most = (figures.told_value(end, metric) for end in (min(values), max(values)))
    return f"{told(metric)} of {len(rows)} runs, from {least} to {most}"


def _chart(rows: Rows, unit: str, palette: Palette) -> Chart:
    latest = [row for row in rows if not row["superseded"]]
    old = [row for row in rows if row["superseded"]]
    chosen = [row for row in rows if row["chosen"]]
    many = len(rows) >= _MANY
    size = 8 if many else 40
    x = time_axis((row["at"] for row in rows), ticks=4)
    y = number_axis("value", ".3~%" if unit == formats.FRACTION else ",.4~g", ticks=3)

    def layer(shown: Rows) -> alt.Chart:
        tooltip = [alt.Tooltip("when:N", title="run"), alt.Tooltip("told:N", title="value")]
        superseded = [alt.Tooltip("superseded:N")] if shown is old else []
        chart: alt.Chart = alt.Chart(data_of(shown)).encode(x=x, y=y, tooltip=tooltip + superseded)
        return chart

    layers = (
        (
            latest,
            layer(latest).mark_line(
                color=palette.blue, strokeWidth=0.75 if many else 1.5, opacity=0.5 if many else 1
            ),
        ),
        (
            old,
            layer(old).mark_point(
                size=size * 1.5, color=palette.dim, shape="diamond", filled=False, opacity=1, strokeWidth=1.5
            ),
        ),
        (latest, layer(latest).mark_point(filled=True, opacity=1, size=size, color=palette.blue)),
        (
            chosen,
            layer(chosen).mark_point(size=200, color=palette.ink, filled=False, opacity=1, strokeWidth=1.5),
        ),
    )
    # Vega warns of the extent of no values at all.
    return layered(*(chart for shown, chart in layers if shown)).properties(height=_HEIGHT)
