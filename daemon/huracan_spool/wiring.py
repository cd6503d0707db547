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
from huracan_spool.inspecting import Inspector
from huracan_spool.inspection.forks import Forks
from huracan_spool.ledger import Ledger, open_ledger
from huracan_spool.pipeline import Pipeline, PipelineOptions
from huracan_spool.retry import CallRetry, call_backoff, run_backoff
from huracan_spool.service import Service, ServiceOptions
from huracan_spool.settings import Secret, Settings
from huracan_spool.settings import Timetable as TimetableSetting
from huracan_spool.spool.directory import open_spool, take_lock
from huracan_spool.spool.files import open_folder
from huracan_spool.spool.pending import Pending
from huracan_spool.stores.base import Store
from huracan_spool.stores.dropbox.api import open_dropbox
from huracan_spool.stores.dropbox.auth import Credentials
from huracan_spool.stores.dropbox.changes import Changes
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate, Timetable
from huracan_spool.stores.dropbox.store import DropboxStore
from huracan_spool.stores.dropbox.transport import TransportOptions
from huracan_spool.stores.dropbox.uploader import Uploader
from huracan_spool.stores.local import LocalStore
from huracan_spool.stores.settling import Patience

LEDGER = "ledger.sqlite"
MODELS = "models"
LOCK = "lock"
UPLOADER = f"huracan-spool {__version__}"


@asynccontextmanager
async def built(settings: Settings) -> AsyncIterator[Service]:
    """The daemon's objects, open and wired.

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
        store = await stack.enter_async_context(_store(settings, ledger))
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
                monotonic=time.monotonic,
                now=lambda: datetime.now(UTC),
            )

        yield Service(options, spool, store, ledger, make_pipeline)


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


def _inspector(settings: Settings, forks: Forks) -> Inspector | None:
    if settings.spool.inspection == "off":
        return None
    return Inspector(settings.spool.inspection == "strict", settings.spool.inspection_timeout.seconds_for, forks)


@asynccontextmanager
async def _store(settings: Settings, ledger: Ledger) -> AsyncIterator[Store]:
    patience = Patience(settings.retry.run_first)
    app_folder = settings.dropbox.app_folder
    if not settings.uses_dropbox:
        structlog.get_logger().warning(
            "dropbox_not_configured",
            archive=settings.archive.path,
            action="runs are kept in the local archive; set dropbox.access_token to upload them",
        )
        yield LocalStore(settings.archive.path / app_folder, patience)
        return
    dropbox, upload, retry = settings.dropbox, settings.upload, settings.retry
    rng = random.Random()  # noqa: S311
    options = TransportOptions(
        api_url=dropbox.api_url,
        content_url=dropbox.content_url,
        oauth_url=dropbox.oauth_url,
        ca_file=str(dropbox.ca_file) if dropbox.ca_file else None,
        connections=upload.connections,
        user_agent=f"huracan-spool/{__version__}",
    )
    credentials = Credentials(
        access_token=_reveal(dropbox.access_token),
        refresh_token=_reveal(dropbox.refresh_token),
        app_key=_reveal(dropbox.app_key),
        app_secret=_reveal(dropbox.app_secret),
    )
    connection = open_dropbox(
        options,
        credentials,
        rate=CallRate(upload.calls_per_second),
        bandwidth=Bandwidth(_bandwidth(upload.bandwidth_limit)),
        retry=CallRetry(first=retry.call_first, maximum=retry.call_max, rng=rng),
    )
    async with connection as api:
        uploader = Uploader(api, chunk_size=upload.chunk_size, connections=upload.connections, ledger=ledger)
        delay: Callable[[int], float] = partial(
            call_backoff, first=retry.call_first, maximum=retry.call_max, rng=rng
        )
        yield DropboxStore(api, uploader, Changes(api, delay), patience, app_folder)


def _reveal(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None


def _bandwidth(setting: TimetableSetting) -> Timetable:
    return Timetable(tuple((at.hour * 60 + at.minute, rate) for at, rate in setting.steps))
