"""The page in a real browser: live, readable at every size and in both colours, and safe against its contents."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from asking import watched

from huracan_spool.emulator import Emulator, Fault
from huracan_spool.samples import Size
from support.chromium import CONTRAST, DESKTOP, PHONE, TABLET, Browser, Page, chromium
from support.runs import Run, make_run, only
from support.site import Site

APPEND = "files/upload_session/append_v2"
BIG = Size(model_bytes=20_000_000, candles=20, trades=3)  # five pieces of 4 MiB
SLOWLY = {"upload.chunk_size": "4MiB", "upload.connections": "1"}
HOSTILE = "<img src=x onerror=document.title='owned'>" + "W" * 150 + ".pt"


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[tuple[Browser, Page]]:
    async with chromium(folder / "chromium") as browser:
        yield browser, await browser.page()


def hostile() -> tuple[Run, dict[str, object]]:
    """A run under the longest name, whose manifest names a file that is markup and not there."""
    run = replace(only(make_run(9), "metrics"), name="W" * 128)
    manifest = run.manifest()
    manifest["artifacts"]["model"] = HOSTILE
    return run, manifest


async def test_the_page_follows_the_daemon(connected: Site, dropbox: Emulator, tmp_path: Path) -> None:
    """From idle over a transfer to its result, a failure, a pause, and the daemon's end, without a reload."""
    connected.settings |= SLOWLY
    # The end of the inspection may interrupt one call, so that of three at least one has come through.
    held = dropbox.faults.add(Fault(route=APPEND, kind="hold", call=3, times=None))
    big = only(make_run(size=BIG), "model")
    bad, manifest = hostile()
    async with watched(connected) as (daemon, asking), browsing(tmp_path) as (browser, page):
        without_script = await browser.page()
        await without_script.call("Emulation.setScriptExecutionDisabled", value=True)
        await without_script.open(asking.address)
        await page.open(asking.address)
        await page.evaluate("window.sameDocument = true")
        await page.until("document.title.startsWith('idle')")
        big.publish(connected.spool)
        bar = "document.querySelector('#under-way progress')"
        await page.until(f"{bar} && {bar}.value > 0 && {bar}.value < 1")
        assert big.name in await page.evaluate("document.getElementById('under-way').innerText")
        held.release()
        await page.until(f"document.getElementById('recent').innerText.includes('{big.name}')")
        await page.until("document.querySelector('#top .state').innerText === 'idle'")

        bad.drop(connected.spool, manifest)
        await page.until("!document.getElementById('failed').hidden")
        shown = await page.evaluate("document.getElementById('failed').innerText")
        assert HOSTILE in shown
        assert f"sudo huracan-spool failed retry {bad.name}" in shown
        assert await page.evaluate("document.querySelectorAll('img').length") == 0

        dropbox.faults.add(Fault(route="*", kind="auth", tag="invalid_access_token", times=None))
        make_run(3).publish(connected.spool)
        await page.until("document.title.startsWith('paused')")
        assert "new token" in await page.text()
        assert page.problems == []

        await without_script.until("document.title.startsWith('paused')")
        daemon.signal(signal.SIGTERM)
        await daemon.ended()
        await page.until("!document.getElementById('stale').hidden")
        assert await page.evaluate("window.sameDocument")


async def test_the_page_fits_every_screen_and_both_colours(connected: Site, tmp_path: Path) -> None:
    runs = [make_run(number) for number in range(3)]
    bad, manifest = hostile()
    async with watched(connected) as (daemon, asking), browsing(tmp_path) as (_, page):
        bad.drop(connected.spool, manifest)
        for run in runs:
            run.publish(connected.spool)
        await daemon.settled(*(run.name for run in runs))
        await daemon.logged("run_failed")
        await page.open(asking.address)
        await page.until("document.querySelectorAll('#recent tbody tr').length === 4")
        backgrounds = set()
        for size in (PHONE, TABLET, DESKTOP):
            for dark in (False, True):
                await page.looks(size, dark=dark)
                wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                least, text = await page.evaluate(CONTRAST)
                assert wide <= 0, size
                assert least >= 4.5, (text, dark)
                backgrounds.add((dark, await page.evaluate("getComputedStyle(document.body).backgroundColor")))
        assert len(backgrounds) == 2
        assert await page.evaluate("[...document.querySelectorAll('h1')].length") == 1
        nameless = "table:not(:has(caption)), progress:not([aria-label]), svg:not([aria-label])"
        assert await page.evaluate(f'document.querySelectorAll("{nameless}").length') == 0
        assert page.problems == []
