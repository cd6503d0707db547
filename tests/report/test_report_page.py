"""The page as a document: complete, the same each time, and only text where text is."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from math import inf, nan
from typing import Any

import polars as pl
import pytest
from shelves import ALL, FIRST, SYMBOL, TINY, Kept, Shelf, sample

from huracan_spool.archive.report.gathering import gather
from huracan_spool.archive.report.page import page
from huracan_spool.archive.report.picture import each, overview
from huracan_spool.archive.report.story import Story, tell
from huracan_spool.samples import REALISTIC, SMALL

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">'\"&{{x}}"
PNG = b"\x89PNG\r\n\x1a\n"


def story_of(*kept: Kept, **choice: Any) -> Story:
    return tell(gather(Shelf(kept), SYMBOL, **choice))


class Document(HTMLParser):
    """Elements with their attributes, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._within: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._within[-1:] == ["script"]:
            self.scripts.append(data)
        elif "style" not in self._within:
            self.text += data

    def charts(self) -> list[Any]:
        return [json.loads(each) for each in self.scripts if each.startswith("{")]


def odd_runs() -> dict[str, list[Kept]]:
    whole = sample(0)
    trades, candles = whole.trades_frame, whole.candles_frame
    assert trades is not None
    assert candles is not None
    nothing = pl.lit(None, dtype=pl.Float64)
    prices = ("entry_price", "exit_price", "profit_bps", "profit_gbp")
    return {
        "whole": [whole],
        "nothing but a record": [sample(0, kinds=())],
        "no record to speak of": [Kept(FIRST)],
        "no model, no trades": [sample(0, kinds=("metrics", "features", "candles"))],
        "only candles": [sample(0, kinds=("candles",))],
        "only trades": [sample(0, kinds=("trades",))],
        "empty trades": [whole.but(trades_frame=trades.clear(), candles_frame=candles.clear())],
        "frames without columns": [whole.but(trades_frame=pl.DataFrame(), candles_frame=pl.DataFrame())],
        "one trade, one candle": [whole.but(trades_frame=trades.head(1), candles_frame=candles.head(1))],
        "trades without a number": [whole.but(trades_frame=trades.with_columns(nothing.alias(n) for n in prices))],
        "unreadable trades": [whole.but(trouble="could not parse `<b>` as dtype `i64`")],
        "closing prices only": [whole.but(candles_frame=candles.select("timestamp", "close"))],
        "flat prices": [whole.but(candles_frame=candles.with_columns(pl.lit(1.0).alias("close")))],
        "not numbers": [whole.but(metrics={"win_rate": nan, "sharpe_ratio": inf, "note": None, "x": -inf})],
        "metrics of nothing": [whole.but(metrics={})],
        "a strange record": [
            whole.but(record={"artifacts": [1], "inspection": 3, "metadata": "x", "digest": None})
        ],
        "strange findings": [whole.but(record={"inspection": {"findings": [1, {"message": {}}], "trades": []}})],
        "features of all kinds": [whole.but(features={"columns": [None, {}, 1.5], "n": {"deep": [1]}, "": ""})],
        "two at one time": [whole, whole.but(superseded=True, metrics={"win_rate": 0.1})],
        "all superseded": [sample(0), sample(1, superseded=True)],
    }


@pytest.mark.parametrize("name", odd_runs())
def test_any_run_has_a_page_and_a_picture(name: str) -> None:
    story = story_of(*odd_runs()[name])

    document = Document(page(story))

    assert SYMBOL in document.text
    assert len(document.charts()) == len(story.metrics) + len(story.run_drawings)
    assert "nan" not in re.sub(r"[a-z_]*nan[a-z_]+", "", json.dumps(document.charts()).lower())
    assert overview(story).startswith(PNG)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no model, no trades", "This run has no trades."),
        ("no model, no trades", "There is no model: the pipeline saves none for a run without trades."),
        ("empty trades", "The trades file has no rows: nothing was traded."),
        ("empty trades", "The candles file has no rows."),
        ("trades without a number", "Of no trade the profit is known."),
        ("unreadable trades", "The trades can't be read: could not parse `<b>` as dtype `i64`"),
        ("only trades", "This run has no candles."),
        ("nothing but a record", "These runs have no metrics that are numbers."),
        ("no record to speak of", "This run was not inspected."),
    ],
)
def test_what_is_missing_is_said(name: str, sentence: str) -> None:
    assert sentence in Document(page(story_of(*odd_runs()[name]))).text


def test_the_same_runs_are_the_same_bytes() -> None:
    first, second = (story_of(sample(0), sample(1), sample(1, hour=-2, superseded=True)) for _ in range(2))

    assert page(first) == page(second)
    assert [picture.png for picture in each(first)] == [picture.png for picture in each(second)]


def test_strange_texts_are_only_texts() -> None:
    run = sample(0)
    trades = run.trades_frame
    assert trades is not None
    words = [HOSTILE if number % 2 else f"{HOSTILE}.a['b'].c" for number in range(trades.height)]
    text = pl.Series(words)
    finding = {"code": HOSTILE, "severity": HOSTILE, "kind": HOSTILE, "message": HOSTILE, "where": HOSTILE}
    hostile = run.but(
        metrics={
            HOSTILE: 1.0,
            "a.b['c']": 2.0,
            "win_rate": 0.5,
            "note": HOSTILE,
            f"{HOSTILE}2": True,
            "__proto__": 3,
        },
        features={HOSTILE: [HOSTILE], "x": HOSTILE},
        trades_frame=trades.with_columns(exit_reason=text, regime=text, direction=text),
        record={
            **dict.fromkeys(("run", "digest", "host", "uploader", "uploaded_at"), HOSTILE),
            "artifacts": {HOSTILE: dict.fromkeys(("path", "sha256", "content_hash"), HOSTILE)},
            "metadata": {HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}},
            "inspection": {"failed": HOSTILE, "findings": [finding], "trades": {HOSTILE: HOSTILE}},
        },
    )

    document = Document(page(story_of(hostile, hostile.but(trained_at=FIRST + timedelta(days=1)))))

    names = {name for name, _ in document.elements}
    assert "img" not in names
    assert [attributes.get("type") for name, attributes in document.elements if name == "script"][-1] == "module"
    assert [attributes for name, attributes in document.elements if name == "script"].count({"type": "module"}) == 1
    assert not any(name.startswith("on") for _, attributes in document.elements for name in attributes)
    assert document.text.count(HOSTILE) > 20
    assert HOSTILE in json.dumps(document.charts()).replace('\\"', '"')


def test_nothing_in_the_page_comes_from_elsewhere() -> None:
    text = page(story_of(sample(0)))
    document = Document(text)

    sources = {"src", "href", "xlink:href", "data", "action", "poster", "background"}
    assert [found for _, found in document.elements if sources & found.keys()] == []
    policy = next(found["content"] for _, found in document.elements if "http-equiv" in found)
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy


def test_identifiers_of_charts_do_not_meet() -> None:
    """Each drawing's clip paths are its own: a drawing with those of another would be cut."""
    text = page(story_of(sample(0, size=SMALL)))

    found, used = re.findall(r'\sid="([^"]+)"', text), re.findall(r'="url\(#([^)]+)\)"', text)
    assert len(found) == len(set(found))
    assert {name.rpartition("-")[0] for name in used} == {"candles", "candles-close"}
    assert set(used) <= set(found)


def test_a_realistic_run_is_a_page_that_can_be_mailed() -> None:
    text = page(story_of(sample(0, size=REALISTIC)))

    assert len(text) < 4_000_000
    assert "One bar for 2 hours: 834 for 100,000 candles." in Document(text).text


def test_a_year_of_runs_is_a_page() -> None:
    run = sample(0, size=TINY)
    year = [
        run.but(trained_at=FIRST + timedelta(days=day), metrics={**run.metrics, "win_rate": day % 7 / 10})
        for day in range(365)
    ]

    text = page(story_of(*year))

    assert "365 runs from 2025-11-01 to 2026-10-31" in Document(text).text
    assert "325 earlier runs" in Document(text).text
    assert len(text) < 4_000_000


def test_of_thousands_of_runs_a_thousand_are_shown_and_the_chosen_is_among_them() -> None:
    many = [Kept(FIRST + timedelta(days=day), metrics={"win_rate": day % 7 / 10}) for day in range(1_200)]

    latest, early = story_of(*many), story_of(*many, chosen=many[5].trained_at)

    assert latest.subtitle == "1,000 runs of 1,200 from 2026-05-20 to 2029-02-12"
    assert early.subtitle == "1,000 runs of 1,200 from 2025-11-05 to 2028-07-31"
    assert (latest.material.trained_at, early.material.trained_at) == (many[-1].trained_at, many[5].trained_at)
    assert early.figures[0].change == "+10 pp"


def test_endless_words_do_not_make_an_endless_page() -> None:
    run = sample(0)
    trades = run.trades_frame
    assert trades is not None
    endless = pl.Series(["W" * 1_000_000] * trades.height)
    metrics: dict[str, object] = {f"m{number}": number for number in range(3_000)}

    text = page(
        story_of(
            run.but(
                trades_frame=trades.with_columns(exit_reason=endless, regime=endless, direction=endless),
                features={"W" * 1_000_000: "W" * 1_000_000, "columns": ["W" * 1_000_000] * 5},
                metrics={**metrics, "W" * 1_000_000: 1.0},
            )
        )
    )

    assert len(text) < 2_500_000
    assert "more are in the file." in text


def test_the_run_that_was_asked_for_is_told() -> None:
    runs = [sample(0), sample(1), sample(1, hour=-2, superseded=True), sample(2)]

    by_day = story_of(*runs, chosen=runs[1].trained_at.date())
    by_time = story_of(*runs, chosen=runs[2].trained_at)
    until = story_of(*runs, until=runs[1].trained_at.date())

    assert [each.material.trained_at for each in (by_day, by_time, until)] == [
        runs[1].trained_at,
        runs[2].trained_at,
        runs[1].trained_at,
    ]
    assert "superseded" in by_time.subtitle
    with pytest.raises(LookupError, match="no run of 2025-12-24 of SOL-USDT"):
        story_of(*runs, chosen=FIRST.date().replace(month=12, day=24))


def test_figures_change_since_the_latest_run_before() -> None:
    first, old, second = sample(0), sample(1, hour=-2, superseded=True), sample(1)
    runs = [run.but(metrics={"win_rate": rate}) for run, rate in ((first, 0.5), (old, 0.1), (second, 0.6))]

    (figure,) = story_of(*runs).figures

    assert (figure.name, figure.value, figure.change) == ("win_rate", "60 %", "+10 pp")


def test_all_kinds_are_named_when_one_is_missing() -> None:
    text = Document(page(story_of(sample(0, kinds=tuple(kind for kind in ALL if kind != "features"))))).text

    assert "no features" in text
    assert "This run has no features file." in text
