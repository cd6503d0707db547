"""Everything that changes the account, one call at a time: commits and copies shared, moves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from huracan_spool.stores.dropbox.api import CommitEntry, DropboxApi, MoveEntry
from huracan_spool.stores.dropbox.batches import Batches, Result


class Changes:
    """One for the account. `delay(n)` is the wait before the n-th repetition when the lock was taken."""

    def __init__(
        self,
        api: DropboxApi,
        delay: Callable[[int], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._turn = asyncio.Lock()
        self._commits = Batches(api.finish_batch, self._turn, delay, sleep)
        self._copies = Batches(api.copy_batch, self._turn, delay, sleep)

    async def commit(self, entries: Sequence[CommitEntry]) -> list[Result]:
        return await self._commits.submit(entries)

    async def copy(self, entries: Sequence[MoveEntry]) -> list[Result]:
        return await self._copies.submit(entries)

    async def move(self, entries: Sequence[MoveEntry]) -> list[Result]:
        """Raises `Unknown` when the answer was lost. Not shared: a plan's moves stand in an order."""
        async with self._turn:
            return await self._api.move_batch(entries)
