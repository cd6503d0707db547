"""The page in a real browser without network: drawn, readable everywhere, and safe against its contents."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import polars as pl
from shelves import SYMBOL, Kept, Shelf, sample

from huracan_spool.archive.report.gathering import gather
from huracan_spool.archive.report.page import page as html_of
from huracan_spool.archive.report.story import tell
from huracan_spool.samples import SMALL
from support.chromium import CONTRAST, DESKTOP, PHONE, TABLET, Page, chromium

HOSTILE = "<img src=x onerror=document.title='owned'>" + "W" * 150
DRAWN = "document.documentElement.dataset.drawn === 'all'"
SHOWN = "[...document.querySelectorAll('{}')].map((each) => each.getBoundingClientRect().width > 100)"
# Sorted: Vega uses the elements of old labels for new ones.
LABELS = (
    "[...document.querySelectorAll('[data-chart=candles] .moving text')].map((each) => each.textContent).sort()"
)
CTRL = 2
COLOURS = """(() => {
  const text = document.querySelector(".moving text"), line = document.querySelector(".moving .mark-line path");
  const page = getComputedStyle(document.body).backgroundColor;
  return [page, getComputedStyle(text).fill, getComputedStyle(line).stroke];
})()"""
# The middle of the first mark of a chart's layer, as far as the window is scrolled.
MIDDLE = """(() => {
  const mark = document.querySelector('[data-chart="%s"] .moving %s');
  mark.scrollIntoView({block: "center"});
  const box = mark.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()"""


def report_on(*kept: Kept) -> str:
    return html_of(tell(gather(Shelf(kept), SYMBOL)))


def strange() -> Kept:
    run = sample(0)
    trades = run.trades_frame
    assert trades is not None
    words = pl.Series([HOSTILE] * trades.height)
    return run.but(
        trades_frame=trades.with_columns(exit_reason=words, regime=words, direction=words),
        metrics={HOSTILE: 1.0, "win_rate": 0.5, "note": HOSTILE},
        record={**run.record, "metadata": {HOSTILE: HOSTILE}, "run": HOSTILE},
    )


@asynccontextmanager
async def opened(folder: Path, text: str, *, scripts: bool = True) -> AsyncIterator[Page]:
    file = folder / "report.html"
    file.write_text(text)
    async with chromium(folder / "chromium") as browser:
        page = await browser.page()
        nothing = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        await page.call("Network.emulateNetworkConditions", offline=True, **nothing)
        await page.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        await page.open(file.as_uri())
        if scripts:
            await page.until(DRAWN)
        yield page


async def mouse(page: Page, kind: str, at: list[float], **more: Any) -> None:
    await page.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], **more)


async def labels(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(LABELS)
    return found


async def other_labels(page: Page, before: list[str]) -> list[str]:
    """Once the axes say something else."""
    await page.until(f"!({same(before)})")
    return await labels(page)


def same(before: list[str]) -> str:
    known = json.dumps(json.dumps(before, separators=(",", ":"), ensure_ascii=False))
    return f"JSON.stringify({LABELS}) === {known}"


async def test_every_chart_is_drawn_without_network(tmp_path: Path) -> None:
    async with opened(tmp_path, report_on(sample(0), sample(1, size=SMALL))) as page:
        figures = await page.evaluate("document.querySelectorAll('figure').length")
        assert figures == await page.evaluate("document.querySelectorAll('figure.drawn .moving svg').length")
        assert figures >= 10
        assert page.requests == [(tmp_path / "report.html").as_uri()]
        assert page.problems == []


async def test_the_page_fits_every_screen_and_both_colours(tmp_path: Path) -> None:
    async with opened(tmp_path, report_on(sample(0), strange())) as page:
        colours = set()
        for size in (PHONE, TABLET, DESKTOP):
            for dark in (False, True):
                await page.looks(size, dark=dark)
                await page.until("document.querySelector('.moving svg').getBoundingClientRect().right < innerWidth")
                assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, size
                least, text = await page.evaluate(CONTRAST)
                assert least >= 4.5, (text, dark)
                colours.add((dark, *await page.evaluate(COLOURS)))
        light, dark_ones = sorted(colours)
        assert all(one != other for one, other in zip(light, dark_ones, strict=True)), "charts follow the page"
        assert page.problems == []


async def test_without_scripts_the_drawings_stand_in(tmp_path: Path) -> None:
    async with opened(tmp_path, report_on(sample(0)), scripts=False) as page:
        shown = await page.evaluate(SHOWN.format(".still svg"))
        assert len(shown) >= 8
        assert all(shown)
        assert await page.evaluate("document.querySelectorAll('.moving').length") == 0


async def test_paper_has_the_drawings_whatever_the_window_was(tmp_path: Path) -> None:
    async with opened(tmp_path, report_on(sample(0), sample(1))) as page:
        await page.looks(PHONE, dark=True)
        await page.call("Emulation.setEmulatedMedia", media="print")
        assert all(await page.evaluate(SHOWN.format(".still svg")))
        assert not any(await page.evaluate(SHOWN.format(".moving svg")))
        printed = await page.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        pdf = base64.b64decode(printed["data"])
        assert pdf.startswith(b"%PDF")
        assert 2 <= pdf.count(b"/Type /Page\n") <= 8


async def test_strange_texts_stay_texts_under_the_pointer_too(tmp_path: Path) -> None:
    async with opened(tmp_path, report_on(strange())) as page:
        await page.looks(DESKTOP, dark=False)
        at = await page.evaluate(MIDDLE % ("returns-exit-reason", ".mark-rect path"))
        await mouse(page, "mouseMoved", at)
        await page.until("document.querySelector('#vg-tooltip-element.visible') !== null")
        assert HOSTILE[:40] in await page.evaluate("document.querySelector('#vg-tooltip-element').textContent")
        assert await page.evaluate("document.querySelectorAll('img').length") == 0
        assert await page.evaluate("document.title") != "owned"
        assert page.problems == []


async def test_candles_are_zoomed_with_ctrl_and_the_page_scrolls_without(tmp_path: Path) -> None:
    async with opened(tmp_path, report_on(sample(0, size=SMALL))) as page:
        await page.looks(DESKTOP, dark=False)
        at = await page.evaluate(MIDDLE % ("candles", ".background"))
        before, top = await labels(page), await page.evaluate("scrollY")
        await mouse(page, "mouseWheel", at, deltaX=0, deltaY=-120)
        await page.until(f"scrollY !== {json.dumps(top)}")
        assert await labels(page) == before

        at = await page.evaluate(MIDDLE % ("candles", ".background"))
        await mouse(page, "mouseWheel", at, deltaX=0, deltaY=-400, modifiers=CTRL)
        zoomed = await other_labels(page, before)
        await mouse(page, "mousePressed", at, button="left", clickCount=1)
        await mouse(page, "mouseMoved", [at[0] + 300, at[1]], button="left")
        await mouse(page, "mouseReleased", [at[0] + 300, at[1]], button="left", clickCount=1)
        await other_labels(page, zoomed)
        for click in (1, 2):
            await mouse(page, "mousePressed", at, button="left", clickCount=click)
            await mouse(page, "mouseReleased", at, button="left", clickCount=click)
        await page.until(same(before))
        assert page.problems == []
