"""Commits: one call at a time for the account, shared by all the runs that are ready when it begins.

Every commit takes the namespace's write lock, so commits side by side only get in each other's way (Dropbox
calls it too_many_write_operations). A single run on an idle account never waits: it is committed at once, and
what becomes ready meanwhile goes together in the next call. The files of a run are never split over calls.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from huracan_spool.errors import StoreError, TryAgain, Unknown
from huracan_spool.stores.dropbox.api import CommitEntry, DropboxApi, RemoteFile

MAX_ENTRIES = 1000  # of finish_batch_v2
TRIES = 6

Result = RemoteFile | StoreError


@dataclass(frozen=True)
class _Request:
    entries: Sequence[CommitEntry]
    answer: asyncio.Future[list[Result]]


class Committer:
    """`delay(n)` is the wait in seconds before the n-th repetition of entries that found the lock taken."""

    def __init__(
        self,
        api: DropboxApi,
        delay: Callable[[int], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._delay = delay
        self._sleep = sleep
        self._waiting: deque[_Request] = deque()
        self._turn = asyncio.Lock()

    async def commit(self, entries: Sequence[CommitEntry]) -> list[Result]:
        """One result for each entry, in order. Entries that only found the lock taken are repeated alone.

        An entry whose answer was lost is `Unknown` in the results: look before doing anything else.
        """
        results: list[Result] = await self._once(entries)
        for number in range(1, TRIES):
            again = [index for index, result in enumerate(results) if isinstance(result, TryAgain)]
            if not again:
                break
            await self._sleep(max(self._delay(number), *(_wish(results[index]) for index in again)))
            repeated = await self._once([entries[index] for index in again])
            for index, result in zip(again, repeated, strict=True):
                results[index] = result
        return results

    async def _once(self, entries: Sequence[CommitEntry]) -> list[Result]:
        request = _Request(entries, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        async with self._turn:  # whoever has the turn commits for all who wait
            if not request.answer.done():
                await self._commit_waiting()
        return await request.answer

    async def _commit_waiting(self) -> None:
        requests = self._next_requests()
        entries = [entry for request in requests for entry in request.entries]
        try:
            results: Sequence[Result] = await self._api.finish_batch(entries)
        except StoreError as error:
            results = [error] * len(entries)
        except BaseException:
            # Cancelled, or a defect: the call may be on its way, and the others must not wait for ever.
            results = [Unknown("the commit was interrupted")] * len(entries)
            raise
        finally:
            at = 0
            for request in requests:
                if not request.answer.done():
                    request.answer.set_result(list(results[at : at + len(request.entries)]))
                at += len(request.entries)

    def _next_requests(self) -> list[_Request]:
        taken, count = list[_Request](), 0
        while self._waiting and (not taken or count + len(self._waiting[0].entries) <= MAX_ENTRIES):
            request = self._waiting.popleft()
            if request.answer.cancelled():
                continue
            taken.append(request)
            count += len(request.entries)
        return taken


def _wish(result: Result) -> float:
    return (result.retry_after or 0.0) if isinstance(result, TryAgain) else 0.0
