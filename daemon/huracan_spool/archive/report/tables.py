"""The tables of the page. All they show comes out of files that anybody may have written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from huracan_spool import words
from huracan_spool.archive import comparing
from huracan_spool.archive.report import figures
from huracan_spool.archive.report.choice import metrics_that_matter
from huracan_spool.archive.report.story import Grouped, Story, before
from huracan_spool.archive.report.story import findings as findings_of
from huracan_spool.inspection.catalogue import BROKEN
from huracan_spool.inspection.report import told
from huracan_spool.manifest import Kind
from huracan_spool.markup import Html, joined, short, table, tag

_OPEN_RUNS = 40  # rows shown at once; the others are a click away
_RUN_METRICS = 6
_MOST_FEATURES = 500
_MOST_ROWS = 400  # of a table of what a person wrote
_HASHES = ("sha256", "content_hash")
_LONGEST = 400  # characters of a value


def findings(record: Mapping[str, Any]) -> Html:
    inspection = record.get("inspection")
    if not isinstance(inspection, dict):
        return tag("p", "This run was not inspected.", class_="dim")
    found = findings_of(record)
    failed = inspection.get("failed")
    parts: list[str] = [tag("p", f"The inspection itself failed: {failed}", class_="bad")] if failed else []
    if found:
        parts.append(_findings_table(found))
    elif not failed:
        parts.append(tag("p", "Nothing was found: every file is as it should be.", class_="good"))
    return joined([*parts, _seen(inspection)])


def _findings_table(found: Sequence[Mapping[str, Any]]) -> Html:
    rows = [
        (
            tag("span", _text(each.get("severity")), class_="bad" if each.get("severity") == BROKEN else "warn"),
            _text(each.get("kind")),
            _text(each.get("message")),
            _text(each.get("where")),
            tag("code", _text(each.get("code"))),
        )
        for each in sorted(found, key=lambda each: each.get("severity") != BROKEN)
    ]
    return _cards("What the inspection found", ("Severity", "File", "What", "Where", "Code"), rows)


def _seen(inspection: Mapping[str, Any]) -> Html:
    """A line a file on what was in it."""
    lines = []
    for kind in Kind:
        facts = inspection.get(kind)
        if isinstance(facts, dict) and facts:
            seen = [f"{name} {_text(value)}" for name, value in facts.items() if not isinstance(value, dict | list)]
            seen += [f"{len(value):,} {name}" for name, value in facts.items() if isinstance(value, dict | list)]
            lines.append(tag("li", tag("b", str(kind)), f": {', '.join(seen)}"))
    return tag("ul", *lines, class_="dim") if lines else Html("")


def groups(grouped: Grouped) -> Html:
    unit = grouped.unit
    rows = [
        (
            group.name,
            _number(f"{group.trades:,}"),
            _number(f"{group.winners * 100:.1f} %"),
            _number(figures.number(group.mean, unit, signed=True)),
            _number(figures.number(group.median, unit, signed=True)),
            _number(figures.number(group.total, unit, signed=True)),
        )
        for group in grouped.groups
    ]
    heads = ("Group", *map(_number, ("Trades", "Won", "Mean", "Median", "Sum")))
    return _wide(table(grouped.drawing.title, heads, rows), "figures")


def all_metrics(story: Story) -> Html:
    """Beside those of the run before, where there is one."""
    material = story.material
    previous = before(material)
    places = [material.place] if previous is None else [previous, material.place]
    runs = material.runs[places]
    names = comparing.run_names(runs)
    numbers, texts = comparing.wide(runs), comparing.texts(runs)
    if numbers.is_empty() and texts.is_empty():
        return tag("p", "This run has no metrics.", class_="dim")
    rows = [*_number_rows(numbers, names), *_text_rows(texts, names)]
    left_out = f"{len(rows) - _MOST_ROWS:,} more are in the file." if len(rows) > _MOST_ROWS else ""
    heads = ("Metric", *map(_number, (*reversed(names), *(("Change", "Percent") if len(names) > 1 else ()))))
    shown = _wide(table("All metrics", heads, rows[:_MOST_ROWS]), "figures")
    return joined([shown, tag("p", left_out, class_="dim")]) if left_out else shown


def _number_rows(numbers: pl.DataFrame, names: Sequence[str]) -> Iterable[Sequence[str]]:
    for row in sorted(numbers.iter_rows(named=True), key=lambda row: figures.order_of(row["metric"])):
        metric = row["metric"]
        unit = figures.unit_of(metric)
        values = [_number(figures.told_value(row[name], metric)) for name in reversed(names)]
        if len(names) > 1:
            change, percent = (row[names[-1] + end] for end in (comparing.DIFFERENCE, comparing.PERCENT))
            values += [_number(figures.change(change, unit)), _number(figures.percent(percent))]
        yield (_text(metric), *values)


def _text_rows(texts: pl.DataFrame, names: Sequence[str]) -> Iterable[Sequence[str]]:
    for row in sorted(texts.iter_rows(named=True), key=lambda row: figures.order_of(row["metric"])):
        values = [_text(row[name]) for name in reversed(names)]
        yield (_text(row["metric"]), *values, *(("", "") if len(names) > 1 else ()))


def runs(story: Story) -> Html:
    """The latest first."""
    frame = story.material.runs
    metrics = metrics_that_matter(frame, _RUN_METRICS)
    places = sorted(range(len(frame)), key=lambda place: frame["trained_at"][place], reverse=True)
    heads = ("Trained at, UTC", "", "Files", _number("Size"), *(_number(told(name)) for name in metrics))
    chosen = story.material.place
    rows = [_run_row(frame.row(place, named=True), metrics, chosen=place == chosen) for place in places]
    shown = _wide(table("Runs", heads, rows[:_OPEN_RUNS]))
    more = rows[_OPEN_RUNS:]
    if not more:
        return shown
    label = tag("summary", f"{words.of(len(more), 'earlier run', 'earlier runs')}")
    return joined([shown, tag("details", label, _wide(table("Earlier runs", heads, more)))])


def _run_row(run: Mapping[str, Any], metrics: Sequence[str], *, chosen: bool) -> Sequence[str]:
    moment = f"{run['trained_at']:%Y-%m-%d %H:%M:%S}"
    marks = [tag("span", "superseded", class_="warn short")] if run["superseded"] else []
    marks += [tag("b", "this one", class_="short")] if chosen else []
    missing = [str(kind) for kind in Kind if kind not in run["kinds"]]
    files = short("all five" if not missing else f"no {', '.join(missing)}")
    values = [_number(figures.told_value(run[name], name)) for name in metrics]
    return (short(moment), joined(_spaced(marks)), files, _number(words.size(run["bytes"])), *values)


def features(features: Mapping[str, Any] | None) -> Html:
    if features is None:
        return tag("p", "The features can't be read.", class_="bad")
    if not features:
        return tag("p", "This run has no features file.", class_="dim")
    lists = {name: value for name, value in features.items() if isinstance(value, list)}
    plain = {name: value for name, value in features.items() if name not in lists}
    parts: list[str] = [_pairs("Features", plain)] if plain else []
    for name, values in lists.items():
        label = tag("summary", f"{name}: {len(values):,}")
        shown = ", ".join(_text(value) for value in values[:_MOST_FEATURES])
        more = f" and {len(values) - _MOST_FEATURES:,} more" if len(values) > _MOST_FEATURES else ""
        parts.append(tag("details", label, tag("p", shown + more)))
    return joined(parts)


def files(record: Mapping[str, Any]) -> Html:
    artifacts = record.get("artifacts")
    known = artifacts if isinstance(artifacts, dict) else {}
    rows = [_file_row(kind, facts) for kind, facts in known.items() if isinstance(facts, dict)]
    named = ("run", "digest", "trained_at", "uploaded_at", "host", "uploader")
    identity = {name: record[name] for name in named if record.get(name) is not None}
    parts: list[str] = [_pairs("Identity", identity)]
    parts.append(_cards("Files", ("File", _number("Size"), "Hashes"), rows))
    if "model" not in known:
        parts.append(tag("p", "There is no model: the pipeline saves none for a run without trades.", class_="dim"))
    metadata = record.get("metadata")
    if isinstance(metadata, dict) and metadata:
        parts += [tag("h3", "Metadata"), _pairs("Metadata", metadata)]
    return joined(parts)


def _file_row(kind: str, facts: Mapping[str, Any]) -> Sequence[str]:
    size = facts.get("size")
    hashes = [tag("p", tag("code", _text(facts.get(name))), f" {name}", class_="dim") for name in _HASHES]
    return (
        joined([tag("b", kind), tag("p", _text(facts.get("path")), class_="dim")]),
        _number(words.size(size) if isinstance(size, int) else ""),
        joined(hashes),
    )


def _pairs(caption: str, pairs: Mapping[str, Any]) -> Html:
    rows = [(_text(name), _text(value)) for name, value in list(pairs.items())[:_MOST_ROWS]]
    return _wide(table(caption, ("", ""), rows), "pairs")


def _text(value: Any) -> str:
    """Any JSON value, as short as a person reads it."""
    if value is None:
        return figures.NOTHING
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _cards(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Rows that are texts: on a phone the style makes cards of them."""
    return tag("div", table(caption, heads, rows), class_="cards")


def _number(text: str) -> Html:
    return tag("span", text, class_="number")


def _wide(content: Html, class_: str = "") -> Html:
    """What is wider than a phone scrolls by itself, and by keyboard as well."""
    return tag("div", content, class_=f"wide {class_}".strip(), tabindex=0, role="region", aria_label="Table")


def _spaced(parts: Iterable[Html]) -> Iterable[str]:
    for place, part in enumerate(parts):
        yield from (" ", part) if place else (part,)
