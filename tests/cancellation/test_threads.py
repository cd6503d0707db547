"""What a cancelled caller of `in_thread` and `all_done` can rely on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from huracan_spool.threads import all_done, in_thread
from support.waiting import eventually


async def test_a_cancelled_caller_goes_on_only_when_its_thread_is_done() -> None:
    began, may_end, over = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        may_end.wait()
        over.set()

    task = asyncio.create_task(in_thread(work))
    await eventually(began.is_set, "the thread")
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert over.is_set()


async def test_an_error_in_the_thread_of_a_cancelled_caller_is_not_reported_as_lost() -> None:
    began, may_end = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        may_end.wait()
        raise OSError("too late to matter")

    task = asyncio.create_task(in_thread(work))
    await eventually(began.is_set, "the thread")
    task.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_first_failure_cancels_the_others_and_is_raised_as_it_is() -> None:
    cancelled = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def fails() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await all_done([waits(), fails()])
    assert cancelled.is_set()


async def test_cancelling_the_caller_cancels_all() -> None:
    ends: list[int] = []

    async def waits(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(number)

    task = asyncio.create_task(all_done([waits(1), waits(2)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ends) == [1, 2]
