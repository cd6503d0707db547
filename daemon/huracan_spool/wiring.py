"""From settings to a running object graph; the only file that names every concrete class."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from huracan_spool import __version__
from huracan_spool.activity import Activity
from huracan_spool.connecting import credentials_of, transport_options
from huracan_spool.http.surface import NoSurface, Surface, Tcp
from huracan_spool.http.view import View
from huracan_spool.inspecting import Inspector
from huracan_spool.inspection.forks import Forks
from huracan_spool.ledger import LEDGER, LOCK, Ledger, open_ledger
from huracan_spool.overview import store_name
from huracan_spool.pipeline import Pipeline, PipelineOptions
from huracan_spool.pushing.through import Tools
from huracan_spool.retry import CallRetry, call_backoff, run_backoff
from huracan_spool.service import Service, ServiceOptions
from huracan_spool.settings import Settings
from huracan_spool.settings import Timetable as TimetableSetting
from huracan_spool.spool.directory import open_spool, take_lock
from huracan_spool.spool.files import open_folder
from huracan_spool.spool.pending import Pending
from huracan_spool.standing import Standing
from huracan_spool.stores.base import Store
from huracan_spool.stores.dropbox.api import DropboxApi, open_dropbox
from huracan_spool.stores.dropbox.changes import Changes
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate, Timetable
from huracan_spool.stores.dropbox.store import DropboxStore
from huracan_spool.stores.dropbox.uploader import Uploader
from huracan_spool.stores.local import LocalStore
from huracan_spool.stores.settling import Patience

MODELS = "models"
PUSH = "push"
UPLOADER = f"huracan-spool {__version__}"


@asynccontextmanager
async def built(settings: Settings, activity: Activity) -> AsyncIterator[Service]:
    """The daemon's objects, open and wired; what they do is reported to `activity`.

    Raises `SpoolBusy` for a second daemon, `UnsafeSpool`, and `OSError` when the host refuses.
    """
    async with AsyncExitStack() as stack:
        state = _open_state(settings.state_dir, stack)
        spool = open_spool(settings.spool.path)
        stack.callback(spool.close)
        for warning in spool.warnings:
            structlog.get_logger().warning("spool_is_odd", warning=warning)
        ledger = open_ledger(state / LEDGER)
        stack.callback(ledger.close)
        store = await stack.enter_async_context(_store(settings, ledger, activity))
        forks = await stack.enter_async_context(Forks())
        options = ServiceOptions(
            spool_path=settings.spool.path,
            rescan_interval=settings.spool.rescan_interval,
            receipts_keep=settings.spool.receipts_keep,
            drain_timeout=settings.upload.drain_timeout,
        )

        def make_pipeline(pending: Pending) -> Pipeline:
            return Pipeline(
                store,
                ledger,
                pending,
                _pipeline_options(settings, forks),
                activity,
                monotonic=time.monotonic,
                now=lambda: datetime.now(UTC),
            )

        def make_surface(standing: Callable[[], Standing]) -> Surface | NoSurface:
            return _surface(settings, View(activity, standing, store.facts, ledger, spool.path, _named(settings)))

        yield Service(options, spool, store, ledger, make_pipeline, activity, make_surface)


def _open_state(state_dir: Path, stack: AsyncExitStack) -> Path:
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
    folder = open_folder(str(state_dir))
    stack.callback(os.close, folder)
    stack.callback(os.close, take_lock(folder, LOCK, f"the state directory {state_dir}"))
    return state_dir


def _pipeline_options(settings: Settings, forks: Forks) -> PipelineOptions:
    retry, rng = settings.retry, random.Random()  # noqa: S311 - jitter is no secret
    return PipelineOptions(
        settle=settings.spool.settle,
        readers=settings.upload.workers,
        inspector=_inspector(settings, forks),
        keep_models=settings.spool.keep_models,
        models=settings.state_dir / MODELS,
        allowed_uids=settings.spool.allowed_uids,
        give_up=retry.give_up,
        run_delay=partial(run_backoff, first=retry.run_first, maximum=retry.run_max, rng=rng),
        host=socket.gethostname(),
        uploader=UPLOADER,
    )


def _surface(settings: Settings, view: View) -> Surface | NoSurface:
    listen = settings.http.listen
    if listen is None:
        return NoSurface()
    return Surface(listen if isinstance(listen, Path) else Tcp(listen.host, listen.port), view)


def _named(settings: Settings) -> str:
    return store_name(uses_dropbox=settings.uses_dropbox, archive=settings.archive.path)


def _inspector(settings: Settings, forks: Forks) -> Inspector | None:
    if settings.spool.inspection == "off":
        return None
    return Inspector(settings.spool.inspection == "strict", settings.spool.inspection_timeout.seconds_for, forks)


@asynccontextmanager
async def _store(settings: Settings, ledger: Ledger, activity: Activity) -> AsyncIterator[Store]:
    if not settings.uses_dropbox:
        structlog.get_logger().warning(
            "dropbox_not_configured",
            archive=settings.archive.path,
            action="runs are kept in the local archive; to upload them: huracan-spool auth login",
        )
        root = settings.archive.path / settings.dropbox.app_folder
        yield LocalStore(root, Patience(settings.retry.run_first), activity)
        return
    rate = CallRate(settings.upload.calls_per_second)
    async with _dropbox(settings, ledger, activity, rate) as (_, store):
        yield store


@asynccontextmanager
async def _dropbox(
    settings: Settings, ledger: Ledger, activity: Activity, rate: CallRate
) -> AsyncIterator[tuple[DropboxApi, DropboxStore]]:
    upload, retry = settings.upload, settings.retry
    rng = random.Random()  # noqa: S311
    connection = open_dropbox(
        transport_options(settings),
        credentials_of(settings),
        rate=rate,
        bandwidth=Bandwidth(_bandwidth(upload.bandwidth_limit)),
        retry=CallRetry(first=retry.call_first, maximum=retry.call_max, rng=rng),
        progress=activity,
    )
    async with connection as api:
        uploader = Uploader(api, chunk_size=upload.chunk_size, connections=upload.connections, ledger=ledger)
        delay: Callable[[int], float] = partial(
            call_backoff, first=retry.call_first, maximum=retry.call_max, rng=rng
        )
        patience = Patience(retry.run_first)
        yield api, DropboxStore(api, uploader, Changes(api, delay), patience, settings.dropbox.app_folder, activity)


@asynccontextmanager
async def for_pushing(settings: Settings, activity: Activity) -> AsyncIterator[Tools]:
    """What `push` sends with. State and lock are its own: a daemon may be at work beside it.

    Raises `SpoolBusy` for a second push, and `OSError` when the host refuses.
    """
    async with AsyncExitStack() as stack:
        state = _open_state(settings.state_dir / PUSH, stack)
        ledger = open_ledger(state / LEDGER)
        stack.callback(ledger.close)
        rate = CallRate(settings.upload.calls_per_second)
        api, store = await stack.enter_async_context(_dropbox(settings, ledger, activity, rate))
        retry, rng = settings.retry, random.Random()  # noqa: S311 - jitter is no secret
        yield Tools(
            api,
            store,
            ledger,
            activity,
            rate,
            app_folder=settings.dropbox.app_folder,
            readers=settings.upload.workers,
            run_delay=partial(run_backoff, first=retry.run_first, maximum=retry.run_max, rng=rng),
        )


def _bandwidth(setting: TimetableSetting) -> Timetable:
    return Timetable(tuple((at.hour * 60 + at.minute, rate) for at, rate in setting.steps))
