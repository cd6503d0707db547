"""The report as one HTML file: complete without network and without scripts; they only make the charts move.

Every chart stands in it twice: as a drawing, which mail programs, phones' previews and viewers that forbid scripts
can show, and as the document from which Vega draws it anew, as wide as the window, with values under the pointer.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from huracan_spool import __version__, words
from huracan_spool.archive.report import rendering, tables
from huracan_spool.archive.report.drawing import PAGE, Drawing
from huracan_spool.archive.report.story import Grouped, Section, Story, before
from huracan_spool.markup import Html, joined, tag

_STYLE = Html(Path(__file__).with_name("page.css").read_text())
_SCRIPT = Path(__file__).with_name("page.js").read_text()
_WIDE, _NARROW = 840, 280  # pixels of the drawings for paper and for where there is no script


def page(story: Story) -> str:
    """The same story is the same page, byte for byte."""
    script = Html(rendering.bundle(_SCRIPT))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", story.title),
        tag("style", _STYLE),
    )
    body = tag(
        "body", _top(story), tag("main", *_sections(story)), _footer(story), tag("script", script, type="module")
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _policy(script: str) -> str:
    """Of all that could be in the page only this one script runs, and nothing is loaded or sent."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Vega sets the style of single elements, which no hash can allow.
    styles, none = "style-src 'unsafe-inline'", "default-src 'none'; base-uri 'none'; form-action 'none'"
    return f"{none}; script-src 'sha256-{digest}'; {styles}"


def _top(story: Story) -> Html:
    mark = tag("span", "superseded", class_="state warn") if story.material.superseded else ""
    return tag("header", tag("h1", story.title), mark, tag("p", story.subtitle, class_="dim"))


def _sections(story: Story) -> Iterable[Html]:
    material = story.material
    yield _facts(story)
    yield _section("findings", "Inspection", tables.findings(material.record))
    yield _section("metrics", "Metrics over dates", _metrics(story))
    yield _section("equity", "Equity and drawdown", _charts(story.equity))
    for name, title, grouped in (
        ("by-reason", "Returns by exit reason", story.by_reason),
        ("by-regime", "Returns by market regime", story.by_regime),
    ):
        if grouped:
            yield _section(name, title, _grouped(grouped))
    yield _section("candles", "Candles", _charts(story.candles))
    yield _section("all-metrics", "All metrics of this run", tables.all_metrics(story))
    yield _section("runs", "Runs", tables.runs(story))
    yield _section("features", "Features", tables.features(material.features))
    yield _section("files", "Files and identity", tables.files(material.record))


def _section(name: str, title: str, content: Html) -> Html:
    return tag("section", tag("h2", title), content, id=name)


def _facts(story: Story) -> Html:
    entries = [
        tag(
            "div",
            tag("dt", each.name),
            tag("dd", each.value, tag("small", each.change) if each.change else ""),
        )
        for each in story.figures
    ]
    previous = before(story.material)
    moment = story.material.runs["trained_at"][previous] if previous is not None else None
    note = (
        tag("p", f"The small numbers are the change since the run of {moment:%Y-%m-%d}.", class_="dim")
        if moment
        else ""
    )
    title = tag("h2", "In short", class_="unseen")
    return tag("section", title, tag("dl", *entries), note, id="facts", class_="facts", hidden=not entries)


def _metrics(story: Story) -> Html:
    if not story.metrics:
        return tag("p", "These runs have no metrics that are numbers.", class_="dim")
    parts = ["The ring marks the run of this report"]
    if story.material.runs["superseded"].any():
        parts.append("hollow diamonds are runs that a later one of the same day superseded")
    if story.metrics_left_out:
        more = words.of(story.metrics_left_out, "more metric is", "more metrics are")
        parts.append(f"{more} in the table below")
    note = tag("p", f"{'; '.join(parts)}.", class_="dim")
    return joined([tag("div", *(_figure(each, _NARROW) for each in story.metrics), class_="grid"), note])


def _charts(section: Section) -> Html:
    if not section.drawings:
        return tag("p", section.instead, class_="dim")
    return joined(_figure(each, _WIDE) for each in section.drawings)


def _grouped(grouped: Grouped) -> Html:
    return joined([_figure(grouped.drawing, _WIDE, titled=False), tables.groups(grouped)])


def _figure(drawing: Drawing, width: int, *, titled: bool = True) -> Html:
    still = Html(rendering.svg(drawing.document(PAGE, width), drawing.name))
    # `<` is the only character that means something to HTML inside of a script element.
    moving = Html(json.dumps(drawing.document(PAGE, "container"), separators=(",", ":")).replace("<", r"\u003c"))
    hint = tag("p", "Drag to move, Ctrl and wheel to zoom, double-click for all.", class_="hint dim")
    return tag(
        "figure",
        tag("figcaption", drawing.title) if titled else "",
        tag("div", still, class_="chart still", role="img", aria_label=drawing.says),
        hint if drawing.moves else "",
        tag("p", drawing.note, class_="dim") if drawing.note else "",
        tag("script", moving, type="application/json"),
        data_chart=drawing.name,
    )


def _footer(story: Story) -> Html:
    record = story.material.record
    says = f"huracan-spool {__version__} · run {record.get('run', '')} · digest {str(record.get('digest', ''))[:8]}"
    return tag("footer", says)
