"""Work side by side: in threads, in a way that a cancelled caller can rely on, and in tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `asyncio.to_thread`, but a cancelled caller goes on only when the thread is done.

    A thread can't be stopped. If its caller went ahead and closed a file, the number could be given to another
    file, and the thread would read or write that one. So `work` must be short.
    """
    running = asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # looked at, so that nobody reports it as lost
        raise


async def all_done(work: Iterable[Awaitable[T]]) -> list[T]:
    """The results of all, in order; the first failure cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_result(each)) for each in work]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def all_done_in_turn(work: Iterable[Awaitable[T]], most: int) -> list[T]:
    """As `all_done`, `most` at a time."""
    places = asyncio.Semaphore(most)

    async def placed(each: Awaitable[T]) -> T:
        async with places:
            return await each

    return await all_done(placed(each) for each in work)


async def both(first: Awaitable[T], second: Awaitable[S]) -> tuple[T, S]:
    """As `all_done`, for two of different kinds."""
    one, other = await all_done([cast("Awaitable[object]", first), cast("Awaitable[object]", second)])
    return cast("T", one), cast("S", other)


@asynccontextmanager
async def alongside(work: Awaitable[None]) -> AsyncIterator[None]:
    """`work` goes on beside the block, and no longer than it; its failure ends the block."""
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_result(work))
            yield
            task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _result(work: Awaitable[T]) -> T:
    return await work
