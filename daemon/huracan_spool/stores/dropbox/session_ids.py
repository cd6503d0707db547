"""Upload sessions fetched ahead: Dropbox hands out many ids in one call."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from huracan_spool.ledger import SESSION_LIFE
from huracan_spool.stores.dropbox.api import DropboxApi

IDS_AT_ONCE = {False: 300, True: 10}  # by whether the sessions are concurrent


class SessionIds:
    """A stock of unused sessions, so that a run costs no call for them."""

    def __init__(self, api: DropboxApi, *, concurrent: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._concurrent = concurrent
        self._clock = clock
        self._stock: deque[str] = deque()
        self._fetched_at = 0.0
        self._lock = asyncio.Lock()

    async def take(self) -> str:
        async with self._lock:
            await self._fill_if_empty()
            return self._stock.popleft()

    async def have_some(self) -> None:
        async with self._lock:
            await self._fill_if_empty()

    async def _fill_if_empty(self) -> None:
        if self._clock() - self._fetched_at > SESSION_LIFE:
            self._stock.clear()
        if not self._stock:
            self._fetched_at = self._clock()
            count = IDS_AT_ONCE[self._concurrent]
            self._stock.extend(await self._api.start_sessions(count, concurrent=self._concurrent))

    def drop(self) -> None:
        """The server does not know one of them: trust none."""
        self._stock.clear()
