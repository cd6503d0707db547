"""Calls that change the account, shared: one at a time, each for all the runs that are ready when it begins.

Every such call takes the namespace's write lock, so two side by side only get in each other's way (Dropbox
calls it too_many_write_operations). A single run on an idle account never waits: its call begins at once, and
what becomes ready meanwhile goes together in the next one. The entries of a run are never split over calls.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from huracan_spool.errors import StoreError, TryAgain, Unknown
from huracan_spool.stores.dropbox.api import RemoteFile
from huracan_spool.stores.dropbox.routes import MOST_COMMITS

E = TypeVar("E")
Result = RemoteFile | StoreError
TRIES = 6


class _Answer(NamedTuple):
    """`answered` is false when it was the call that failed, not its entries."""

    results: list[Result]
    answered: bool


@dataclass(frozen=True)
class _Request(Generic[E]):
    entries: Sequence[E]
    answer: asyncio.Future[_Answer]


class Batches(Generic[E]):
    """`call` makes the change; `turn` gives the account's lock, one for every kind of change.

    `delay(n)` is the wait in seconds before the n-th repetition of entries that found the write lock taken.
    """

    def __init__(
        self,
        call: Callable[[Sequence[E]], Awaitable[list[Result]]],
        turn: Callable[[], AbstractAsyncContextManager[object]],
        delay: Callable[[int], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._call = call
        self._turn = turn
        self._delay = delay
        self._sleep = sleep
        self._waiting: deque[_Request[E]] = deque()

    async def submit(self, entries: Sequence[E]) -> list[Result]:
        """One result for each entry, in order. Entries that only found the lock taken are repeated alone.

        An entry whose answer was lost is `Unknown` in the results: look before doing anything else. When a call as
        a whole fails, which is repeated elsewhere, that is the result of all its entries.
        """
        results, answered = await self._once(entries)
        for number in range(1, TRIES):
            again = [index for index, result in enumerate(results) if isinstance(result, TryAgain)]
            if not again or not answered:
                break
            await self._sleep(max(self._delay(number), *(_wish(results[index]) for index in again)))
            repeated, answered = await self._once([entries[index] for index in again])
            for index, result in zip(again, repeated, strict=True):
                results[index] = result
        return results

    async def _once(self, entries: Sequence[E]) -> _Answer:
        request = _Request(entries, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        try:
            async with self._turn():  # whoever has the turn calls for all who wait
                while not request.answer.done():
                    await self._serve()
        except asyncio.CancelledError:
            request.answer.cancel()
            raise
        return await request.answer

    async def _serve(self) -> None:
        requests = self._next_requests()
        entries = [entry for request in requests for entry in request.entries]
        # Cancelled, or a defect: the call may be on its way, and the others must not wait for ever.
        results: Sequence[Result] = [Unknown("the call was interrupted")] * len(entries)
        answered = False
        try:
            results = await self._call(entries)
            answered = True
        except StoreError as error:
            results = [error] * len(entries)
        finally:
            at = 0
            for request in requests:
                if not request.answer.done():
                    its = list(results[at : at + len(request.entries)])
                    request.answer.set_result(_Answer(its, answered))
                at += len(request.entries)

    def _next_requests(self) -> list[_Request[E]]:
        taken, count = list[_Request[E]](), 0
        while self._waiting and (not taken or count + len(self._waiting[0].entries) <= MOST_COMMITS):
            request = self._waiting.popleft()
            if not request.answer.cancelled():
                taken.append(request)
                count += len(request.entries)
        return taken


def _wish(result: Result) -> float:
    return (result.retry_after or 0.0) if isinstance(result, TryAgain) else 0.0
