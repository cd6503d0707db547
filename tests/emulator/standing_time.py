"""Time that passes only when a test lets it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from typing import Any


class StandingTime:
    """Stands still while anybody can go on, and then jumps to the next who sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._more = asyncio.Event()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        wake = asyncio.get_running_loop().create_future()
        sleeper = (self.now + seconds, next(self._numbers), wake)
        heapq.heappush(self._sleepers, sleeper)
        self._more.set()
        try:
            await wake
        except asyncio.CancelledError:
            self._sleepers.remove(sleeper)
            heapq.heapify(self._sleepers)
            raise

    async def sleeping(self, count: int) -> None:
        while len(self._sleepers) < count:
            self._more.clear()
            await self._more.wait()

    def jump(self) -> None:
        self.now, _, wake = heapq.heappop(self._sleepers)
        wake.set_result(None)

    async def passes(self, work: Awaitable[Any], start: float = 0.0) -> tuple[float, Any]:
        """When the work ended, in seconds from now on."""
        began = self.now
        if start:
            await self.sleep(start)
        result = await work
        return round(self.now - began, 6), result

    async def all(self, *works: Awaitable[Any]) -> list[Any]:
        """Results of works that wait for nothing but this time."""
        everything = asyncio.gather(*works)
        while not everything.done():
            # Without I/O everybody sleeps again after a few rounds.
            for _ in range(5):
                await asyncio.sleep(0)
            if self._sleepers:
                self.jump()
        return await everything

    async def until(self, work: Awaitable[Any]) -> Any:
        """The result of work that also waits for the network, which takes none of this time."""
        task = asyncio.ensure_future(work)
        while not task.done():
            sleeper = asyncio.ensure_future(self.sleeping(1))
            await asyncio.wait({task, sleeper}, return_when=asyncio.FIRST_COMPLETED)
            sleeper.cancel()
            if not task.done():
                self.jump()
        return await task
