"""Wake-ups from the spool directory: watchdog's thread, bridged into asyncio. Hints, never the truth.

Facts about watchdog 7.1 that shaped this file: a burst of renames loses most of its events; an overflow of the
kernel's queue reaches no handler, only a log line; a handler that raises stops all events for ever, silently; a
directory that is replaced leaves a live thread that sees nothing. So a handler does nothing but note a name, the
overflow line asks for a rescan, and whoever owns the watcher asks `alive` and makes a new one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

# A rename from another folder and a hard link are only `created`; both are a producer's way to publish.
_EVENTS: list[type[FileSystemEvent]] = [FileClosedEvent, FileCreatedEvent, FileMovedEvent]
_WATCHDOG_LOG = "watchdog.observers"
# Stopping with events under way makes watchdog log an error that says only that.
logging.getLogger("watchdog.observers.inotify").addFilter(
    lambda record: "when the thread is inactive" not in record.getMessage()
)


class Watcher(FileSystemEventHandler):
    """Calls `hint(name)` in the event loop for names that appear, and `overflow()` when events were lost.

    Raises `OSError` when there can be none, for instance at the limit of instances.
    """

    def __init__(self, path: Path, hint: Callable[[str], None], overflow: Callable[[], None]) -> None:
        self._path = os.path.realpath(path)
        self._loop = asyncio.get_running_loop()
        self._hint = hint
        self._overflow = _OverflowNotice(self._call, overflow)
        _need_descriptors(4)
        self._observer = Observer()

    def __enter__(self) -> Self:
        """Raises `OSError` when the directory can't be watched, for instance at the limit of watches."""
        try:
            self._observer.schedule(self, self._path, recursive=False, event_filter=_EVENTS)
            self._observer.start()
        except BaseException:
            self._observer.stop()  # its thread and its descriptors are there from the beginning
            raise
        logging.getLogger(_WATCHDOG_LOG).addHandler(self._overflow)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger(_WATCHDOG_LOG).removeHandler(self._overflow)
        self._observer.stop()
        self._observer.join(timeout=5)

    def alive(self) -> bool:
        emitters = self._observer.emitters
        return self._observer.is_alive() and bool(emitters) and all(each.is_alive() for each in emitters)

    def on_any_event(self, event: FileSystemEvent) -> None:
        path = os.fsdecode(event.dest_path or event.src_path)
        if os.path.dirname(path) == self._path:
            self._call(lambda: self._hint(os.path.basename(path)))

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed: the daemon is on its way out
            return


def _need_descriptors(count: int) -> None:
    """Raises `OSError` with fewer to be had: watchdog loses those it got when it does not get all."""
    opened: list[int] = []
    try:
        while len(opened) < count:
            opened += os.pipe()
    finally:
        for fd in opened:
            os.close(fd)


class _OverflowNotice(logging.Handler):
    def __init__(self, call: Callable[[Callable[[], None]], None], overflow: Callable[[], None]) -> None:
        super().__init__()
        self._call = call
        self._notify = overflow

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._call(self._notify)
