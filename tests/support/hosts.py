"""The daemon's real parts on the loop's own clock, over an emulator: as `wiring` puts them together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from huracan_spool.activity import Activity
from huracan_spool.emulator import Emulator
from huracan_spool.http.surface import NoSurface
from huracan_spool.inspecting import Inspector
from huracan_spool.ledger import LEDGER, Ledger, open_ledger
from huracan_spool.pipeline import Pipeline, PipelineOptions
from huracan_spool.retry import CallRetry, call_backoff, run_backoff
from huracan_spool.service import Service, ServiceOptions
from huracan_spool.spool.directory import open_spool
from huracan_spool.stores.base import Store
from huracan_spool.stores.dropbox.api import open_dropbox
from huracan_spool.stores.dropbox.auth import Credentials
from huracan_spool.stores.dropbox.changes import Changes
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate
from huracan_spool.stores.dropbox.store import DropboxStore
from huracan_spool.stores.dropbox.transport import TransportOptions
from huracan_spool.stores.dropbox.uploader import Uploader
from huracan_spool.stores.local import LocalStore
from huracan_spool.stores.settling import Patience
from support.logbook import Line, open_book
from support.site import Site
from support.virtual_time import Threads, now, threads_here

CHUNK = 4 * 1024 * 1024
# The defaults of the configuration, so that what is counted here is what an operator gets.
CALL_FIRST, CALL_MAX = 0.5, 60.0
RUN_FIRST, RUN_MAX = 5.0, 900.0
CALLS_PER_SECOND = 10.0
KEEP_MODELS = 3
_BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
_LOOK = 1.0


@dataclass(frozen=True)
class HostOptions:
    """What sets one host apart. `wall` is its clock on the wall; an `archive` keeps its runs on the host."""

    seed: int = 1
    credentials: Credentials | None = None
    archive: bool = False
    inspector: Inspector | None = None
    wall: Callable[[], datetime] | None = None


USUAL = HostOptions()


@dataclass
class Host:
    """A daemon that is up; `log` is what it said so far."""

    site: Site
    service: Service
    threads: Threads
    log: list[Line] = field(default_factory=list)
    running: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.running = asyncio.create_task(self.service.run())

    def kill(self) -> None:
        """As near to kill -9 as it gets in a process: nothing is waited for, and no thread gets anything to do."""
        self.threads.end_after(None, lambda: None)
        self.threads.over = True
        self.running.cancel()

    async def end(self) -> None:
        """In order, unless it was killed. Raises what the daemon died of."""
        self.service.stop()
        await asyncio.wait([self.running])
        if not self.threads.over:
            self.running.result()

    def lines(self, *events: str) -> list[Line]:
        return [line for line in self.log if line["event"] in events]

    def receipt(self, run: str) -> dict[str, Any]:
        return self.site.receipt(run)

    async def quiet(self, within: float) -> bool:
        """Whether the spool is empty, sooner or later within so many seconds of the loop's clock."""
        return await until(lambda: not self.site.in_spool(), within)


async def until(true: Callable[[], object], within: float) -> bool:
    end = now() + within
    while not true():
        if now() >= end:
            return False
        await asyncio.sleep(_LOOK)
    return True


def refreshing(emulator: Emulator) -> Credentials:
    return Credentials(refresh_token=emulator.refresh_token, app_key=emulator.app_key)


@asynccontextmanager
async def host(home: Path, emulator: Emulator, options: HostOptions = USUAL) -> AsyncIterator[Host]:
    """Stopped in order with its block. A second one at the same `home` is the first one's restart."""
    site, log, threads = Site(home), open_book(), Threads()
    threads_here.set(threads)
    site.state.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        spool = open_spool(site.spool)
        stack.callback(spool.close)
        ledger = open_ledger(site.state / LEDGER)
        stack.callback(ledger.close)
        clock = asyncio.get_running_loop().time  # threads ask as well
        activity, rng = Activity(clock), random.Random(options.seed)
        store = await stack.enter_async_context(_store(site, emulator, options, rng, ledger, activity))
        pipeline_options = _pipeline_options(site, options, rng)
        began = clock()
        service = Service(
            ServiceOptions(site.spool, rescan_interval=30.0, receipts_keep=7 * 86400.0, drain_timeout=10.0),
            spool,
            store,
            ledger,
            lambda pending: Pipeline(
                store,
                ledger,
                pending,
                pipeline_options,
                activity,
                monotonic=clock,
                now=options.wall or (lambda: _BEGAN + timedelta(seconds=clock() - began)),
            ),
            activity,
            lambda _: NoSurface(),
            now=clock,
        )
        daemon = Host(site, service, threads, log)
        try:
            yield daemon
        finally:
            await daemon.end()


@asynccontextmanager
async def _store(
    site: Site,
    emulator: Emulator,
    options: HostOptions,
    rng: random.Random,
    ledger: Ledger,
    activity: Activity,
) -> AsyncIterator[Store]:
    clock = asyncio.get_running_loop().time
    patience = Patience(RUN_FIRST, clock)
    if options.archive:
        yield LocalStore(site.archive, patience, activity)
        return
    url = str(emulator.http_url)
    async with open_dropbox(
        TransportOptions(url, url, url, str(emulator.ca_file), connections=12),
        options.credentials or refreshing(emulator),
        rate=CallRate(CALLS_PER_SECOND, clock=clock),
        bandwidth=Bandwidth(None),
        retry=CallRetry(first=CALL_FIRST, maximum=CALL_MAX, rng=rng),
        progress=activity,
        clock=clock,
    ) as api:
        uploader = Uploader(api, chunk_size=CHUNK, connections=12, ledger=ledger)
        changes = Changes(api, partial(call_backoff, first=CALL_FIRST, maximum=CALL_MAX, rng=rng))
        yield DropboxStore(api, uploader, changes, patience, "Huracan", activity)


def _pipeline_options(site: Site, options: HostOptions, rng: random.Random) -> PipelineOptions:
    return PipelineOptions(
        settle=0.0,
        readers=8,
        inspector=options.inspector,
        keep_models=KEEP_MODELS,
        models=site.state / "models",
        allowed_uids=None,
        give_up=None,
        run_delay=partial(run_backoff, first=RUN_FIRST, maximum=RUN_MAX, rng=rng),
        host=site.home.name,
        uploader="test",
    )
