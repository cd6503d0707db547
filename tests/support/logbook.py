"""What each of many daemons in one process logs, kept apart: a log follows the tasks that its host started."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import structlog

Line = dict[str, Any]

_book: ContextVar[list[Line] | None] = ContextVar("book", default=None)


def _keep(_: object, level: str, event: MutableMapping[str, Any]) -> NoReturn:
    book = _book.get()
    if book is not None:
        trace = {"exc_info": traceback.format_exc()} if event.get("exc_info") else {}
        book.append({"level": level, **event, **trace})
    raise structlog.DropEvent


@contextmanager
def logs_apart() -> Iterator[None]:
    """Every log line of the block goes to the book of the task that logs it."""
    before = structlog.get_config()
    structlog.configure(
        processors=[_keep],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def open_book() -> list[Line]:
    """A new log for this task and those that it starts."""
    book: list[Line] = []
    _book.set(book)
    return book
