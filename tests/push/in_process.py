"""A push in the test's own process, on the loop's own clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from huracan_spool.activity import Activity
from huracan_spool.emulator import Emulator
from huracan_spool.ledger import LEDGER, open_ledger
from huracan_spool.pushing.archive import Wanted
from huracan_spool.pushing.push import Push
from huracan_spool.pushing.report import Report
from huracan_spool.pushing.through import Tools
from huracan_spool.retry import CallRetry, call_backoff, run_backoff
from huracan_spool.stores.dropbox.api import open_dropbox
from huracan_spool.stores.dropbox.changes import Changes
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate
from huracan_spool.stores.dropbox.store import DropboxStore
from huracan_spool.stores.dropbox.transport import TransportOptions
from huracan_spool.stores.dropbox.uploader import Uploader
from huracan_spool.stores.settling import Patience
from support.hosts import CALL_FIRST, CALL_MAX, CALLS_PER_SECOND, CHUNK, RUN_FIRST, RUN_MAX, refreshing

ANY = Wanted()


@asynccontextmanager
async def tools(state: Path, emulator: Emulator) -> AsyncIterator[Tools]:
    clock, rng, url = asyncio.get_running_loop().time, random.Random(1), str(emulator.http_url)
    activity, rate = Activity(clock), CallRate(CALLS_PER_SECOND, clock=clock)
    async with AsyncExitStack() as stack:
        state.mkdir(exist_ok=True, parents=True)  # noqa: ASYNC240 - at once
        ledger = open_ledger(state / LEDGER)
        stack.callback(ledger.close)
        connection = open_dropbox(
            TransportOptions(url, url, url, str(emulator.ca_file), connections=12),
            refreshing(emulator),
            rate=rate,
            bandwidth=Bandwidth(None),
            retry=CallRetry(first=CALL_FIRST, maximum=CALL_MAX, rng=rng),
            progress=activity,
            clock=clock,
        )
        api = await stack.enter_async_context(connection)
        uploader = Uploader(api, chunk_size=CHUNK, connections=12, ledger=ledger)
        changes = Changes(api, partial(call_backoff, first=CALL_FIRST, maximum=CALL_MAX, rng=rng))
        store = DropboxStore(api, uploader, changes, Patience(RUN_FIRST, clock), "Huracan", activity)
        delay = partial(run_backoff, first=RUN_FIRST, maximum=RUN_MAX, rng=rng)
        yield Tools(api, store, ledger, activity, rate, app_folder="Huracan", readers=8, run_delay=delay)


@asynccontextmanager
async def a_push(home: Path, emulator: Emulator, wanted: Wanted = ANY) -> AsyncIterator[tuple[Push, Report]]:
    """Of the archive at `home`/Huracan; not begun yet."""
    async with tools(home / "state", emulator) as used:
        report = Report()
        yield Push(used, home / "Huracan", wanted, report), report
