"""Everything that changes the account, one call at a time: commits and copies shared, moves alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from huracan_spool.stores.dropbox.api import CommitEntry, DropboxApi, MoveEntry
from huracan_spool.stores.dropbox.batches import Batches, Result

IN_A_ROW = 4  # urgent holders before a leisurely one that waits


class Turn:
    """One holder at a time. Who is in a hurry goes first, up to a point.

    A copy is of something that is visible already; but its run is not done before, and takes up room.
    """

    def __init__(self) -> None:
        self._taken = False
        self._urgent_in_a_row = 0
        self._waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = (deque(), deque())

    def urgent(self) -> AbstractAsyncContextManager[None]:
        return self._held(self._waiting[0])

    def leisurely(self) -> AbstractAsyncContextManager[None]:
        return self._held(self._waiting[1])

    @asynccontextmanager
    async def _held(self, line: deque[asyncio.Future[None]]) -> AsyncIterator[None]:
        if self._taken:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            line.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # it was ours in the same instant
                    self._pass_on()
                raise
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        urgent, leisurely = self._waiting
        for line in (leisurely, urgent) if self._urgent_in_a_row >= IN_A_ROW else (urgent, leisurely):
            while line:
                turn = line.popleft()
                if not turn.done():
                    self._urgent_in_a_row = self._urgent_in_a_row + 1 if line is urgent else 0
                    turn.set_result(None)
                    return
        self._taken = False


class Changes:
    """One for the account. `delay(n)` is the wait before the n-th repetition when the lock was taken."""

    def __init__(
        self,
        api: DropboxApi,
        delay: Callable[[int], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._turn = Turn()
        self._commits = Batches(api.finish_batch, self._turn.urgent, delay, sleep)
        self._copies = Batches(api.copy_batch, self._turn.leisurely, delay, sleep)

    async def commit(self, entries: Sequence[CommitEntry]) -> list[Result]:
        return await self._commits.submit(entries)

    async def copy(self, entries: Sequence[MoveEntry]) -> list[Result]:
        return await self._copies.submit(entries)

    async def move(self, entries: Sequence[MoveEntry]) -> list[Result]:
        """Raises `Unknown` when the answer was lost. Not shared: a plan's moves stand in an order."""
        async with self._turn.urgent():
            return await self._api.move_batch(entries)
