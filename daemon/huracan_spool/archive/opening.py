"""From the configuration to an open archive."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from huracan_spool.archive.cache import default_cache
from huracan_spool.archive.dropbox_reader import DropboxReader
from huracan_spool.archive.local_reader import LocalReader
from huracan_spool.archive.loop import Loop
from huracan_spool.archive.progress import Progress
from huracan_spool.archive.reader import Reader
from huracan_spool.connecting import for_reading
from huracan_spool.settings import Settings, load

if TYPE_CHECKING:
    from huracan_spool.archive.archive import Archive

A = TypeVar("A", bound="Archive")


def _quiet() -> None:
    """The store's parts tell the daemon's operator of every repeated call.

    An analyst who has not asked to hear of it by configuring structlog hears of warnings alone, on stderr.
    """
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )


def configured(config: Path | None, *, local: bool) -> Settings:
    """Raises `ConfigurationError`."""
    return load(config, os.environ, secrets_needed=not local)


def opened(make: type[A], settings: Settings, *, local: bool, cache: Path | None, progress: Progress) -> A:
    _quiet()
    loop, closing = Loop(), AsyncExitStack()
    try:
        reader = loop.run(_reader(settings, closing, local=local))
        return make(reader, cache or default_cache(), progress, closing=closing, loop=loop)
    except BaseException:
        loop.run(closing.aclose())
        loop.close()
        raise


async def _reader(settings: Settings, closing: AsyncExitStack, *, local: bool) -> Reader:
    app_folder = settings.dropbox.app_folder
    if local or not settings.uses_dropbox:
        return LocalReader(settings.archive.path / app_folder)
    api = await closing.enter_async_context(for_reading(settings))
    return DropboxReader(api, app_folder, _name(settings), settings.upload.connections)


def _name(settings: Settings) -> str:
    """Of the account as far as this host can tell it: a cursor of another one is refused."""
    key = settings.dropbox.app_key
    whose = hashlib.sha256(key.reveal().encode()).hexdigest()[:16] if key else ""
    return f"dropbox:{settings.dropbox.api_url}/{settings.dropbox.app_folder}#{whose}"
