"""Cancelling at a chosen await: not at a moment, but at the n-th time that a coroutine waits for something."""

from __future__ import annotations

import asyncio
import os
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def cancelled_at(coroutine: Coroutine[Any, Any, T], number: int) -> T:
    """Run `coroutine` in a task that is cancelled as it waits for the `number`-th time.

    Raises `CancelledError`; returns the result when the coroutine ended before.
    """
    return await asyncio.create_task(_counting(coroutine, number))


async def _counting(coroutine: Coroutine[Any, Any, T], number: int) -> T:
    return await _stepwise(coroutine, number)


@types.coroutine
def _stepwise(coroutine: Coroutine[Any, Any, T], number: int) -> Generator[Any, Any, T]:
    waits = 0
    error: BaseException | None = None
    while True:
        try:
            waited = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration as end:
            return end.value
        waits += 1
        if waits == number:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        try:
            yield waited
            error = None
        except BaseException as thrown:  # noqa: BLE001 - passed on to the coroutine, whatever it is
            error = thrown


def open_files() -> list[str]:
    """What the descriptors of this process lead to."""
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:  # the one of this very listing
            continue
    return sorted(link for link in links if link.startswith("/") and "/proc/" not in link)
