"""Waiting for what another process does: as short as possible, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

# Seconds. No test is about time: this only ends a test that would hang, on however slow a machine.
DEADLINE = 120.0
_LOOK = 0.02


async def eventually(look: Callable[[], T | None], what: object, deadline: float = DEADLINE) -> T:
    """The first result of `look` that is true; `what` is shown, as it then is, when there is none."""
    try:
        async with asyncio.timeout(deadline):
            while not (found := look()):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(_LOOK)
            return found
    except TimeoutError:
        raise AssertionError(f"not within {deadline:.0f} s: {what}") from None


def eventually_sync(look: Callable[[], T | None], deadline: float = DEADLINE) -> T:
    """As `eventually`, for plain code."""
    return asyncio.run(eventually(look, look, deadline))


async def within(waiting: Awaitable[T], what: object, deadline: float = DEADLINE) -> T:
    try:
        async with asyncio.timeout(deadline):
            return await waiting
    except TimeoutError:
        raise AssertionError(f"not within {deadline:.0f} s: {what}") from None
