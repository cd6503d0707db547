"""How much may be under way at a time, first come first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """A semaphore with weights. A weight above a quarter of the total counts as a quarter.

    So a giant neither waits for an empty house nor keeps all others out.
    """

    def __init__(self, total: int) -> None:
        self._most = max(1, total // 4)
        self._left = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def share(self, weight: int) -> AsyncIterator[None]:
        weight = min(weight, self._most)
        await self._take(weight)
        try:
            yield
        finally:
            self._left += weight
            self._admit()

    async def _take(self, weight: int) -> None:
        if not self._waiting and weight <= self._left:
            self._left -= weight
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted in the same instant
                self._left += weight
                self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and (self._waiting[0][1].cancelled() or self._waiting[0][0] <= self._left):
            weight, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._left -= weight
                turn.set_result(None)
