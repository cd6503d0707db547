"""Pictures for a chat: all charts that matter in one, or each in a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import altair as alt

from huracan_spool.archive.report import rendering
from huracan_spool.archive.report.drawing import PICTURE, Drawing, finished
from huracan_spool.archive.report.story import Story

_WIDTH = 1_000  # pixels, twice as many in the file
_SMALL = 4  # metrics in one line


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    png: bytes


def overview(story: Story) -> bytes:
    """The metrics over dates, then the chosen run: a PNG. With nothing to draw it holds the title."""
    rows = [
        *[_line_of(story.metrics[at : at + _SMALL]) for at in range(0, len(story.metrics), _SMALL)],
        *[_titled(drawing, _WIDTH) for drawing in story.run_drawings],
    ]
    title = alt.TitleParams(text=story.title, subtitle=[story.subtitle, *story.key_figures], fontSize=20, offset=16)
    # Without any chart, an empty one to carry the title.
    charts = rows or [alt.Chart(alt.InlineData(values=[])).mark_point().properties(width=_WIDTH, height=1)]
    return rendering.png(_on_card(alt.vconcat(*charts, spacing=24, title=title)))


def each(story: Story) -> list[Picture]:
    return [
        Picture(drawing.name, rendering.png(_on_card(_titled(drawing, _WIDTH))))
        for drawing in (*story.metrics, *story.run_drawings)
    ]


def write_each(story: Story, folder: Path) -> list[Path]:
    """Makes the folder; pictures of an earlier report that are not made again stay."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in each(story):
        path = folder / f"{story.symbol}_{picture.name}.png"
        path.write_bytes(picture.png)
        paths.append(path)
    return paths


def _line_of(drawings: tuple[Drawing, ...]) -> alt.HConcatChart:
    width = _WIDTH // _SMALL - 60
    return alt.hconcat(*(_titled(drawing, width) for drawing in drawings), spacing=20)


def _titled(drawing: Drawing, width: int) -> alt.Chart | alt.LayerChart:
    return drawing.draw(PICTURE).properties(width=width, title=drawing.title)


def _on_card(chart: alt.TopLevelMixin) -> dict[str, object]:
    document = finished(chart, PICTURE)
    document["padding"] = 20
    document["config"]["background"] = PICTURE.card
    return document
