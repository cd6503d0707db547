"""The way to an emulated Dropbox and the time it takes there: lines, lock and delays of a `WanProfile`.

`Line` and `WriteLock` only do sums: each keeps the moment at which it is free again, and says from when to when
it serves the next who asks. That is first come, first served without a queue, and whoever asked sleeps until
then. So the figures hold to within the sleep's accuracy, and a clock that is not real gives exact ones.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from huracan_spool.emulator.content_hash import BLOCK_BYTES
from huracan_spool.emulator.wan_profile import WanProfile

# How late a reader may come without losing capacity: timers and a busy host are late by milliseconds.
SLACK_SECONDS = 0.02
# The kernel would take megabytes of every body at once, and a client would believe them sent. It doubles this.
RECEIVE_BUFFER_BYTES = 256 * 1024


class Line:
    """Carries `rate` bytes per second, one piece after the other; None is no limit."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._free_at = float("-inf")

    def carry(self, now: float, count: int) -> float:
        """When the last of `count` bytes comes out."""
        if self._rate is None:
            return now
        self._free_at = max(self._free_at, now - SLACK_SECONDS) + count / self._rate
        return self._free_at


class WriteLock:
    """First come, first served. Who would have to wait longer than `budget` never gets into the queue."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._free_at = float("-inf")

    def take(self, now: float, hold: float) -> float | None:
        """When the hold begins, or None after a wait of `budget` in vain."""
        begin = max(now, self._free_at)
        if begin - now > self._budget:
            return None
        self._free_at = begin + hold
        return begin


@dataclass
class _Connection:
    up: Line
    down: Line
    is_new: bool = True


@dataclass
class Locking:
    """How it went: seconds waited, and the entries that did not get the lock, by their index."""

    waited: float = 0.0
    refused: set[int] = field(default_factory=set)


class Wan:
    """One for all connections. Every method returns when the time that it stands for is over."""

    def __init__(
        self, profile: WanProfile, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self.profile = profile
        self._clock = clock
        self._sleep = sleep
        self._random = random.Random(profile.seed)  # noqa: S311 - the same delays for the same seed
        self._up = Line(profile.total_rate)
        self._down = Line(profile.total_rate)
        self._lock = WriteLock(profile.lock_wait)
        self._connections: WeakKeyDictionary[asyncio.BaseTransport, _Connection] = WeakKeyDictionary()

    @property
    def is_limited(self) -> bool:
        """Whether bytes take time."""
        return self.profile.connection_rate is not None or self.profile.total_rate is not None

    async def arrive(self, transport: asyncio.BaseTransport | None) -> None:
        """The first byte of a request and that of its answer on their way; on a new connection its set-up too."""
        connection = self._connection(transport)
        trips = 1 + (self.profile.connect_rtts if connection.is_new else 0)
        connection.is_new = False
        await self._until(self._clock() + trips * self.profile.rtt)

    async def upload(self, transport: asyncio.BaseTransport | None, count: int) -> None:
        now = self._clock()
        await self._until(max(self._connection(transport).up.carry(now, count), self._up.carry(now, count)))

    async def download(self, transport: asyncio.BaseTransport | None, count: int) -> None:
        now = self._clock()
        await self._until(max(self._connection(transport).down.carry(now, count), self._down.carry(now, count)))

    async def serve(self, route: str, style: str, entries: int = 0) -> None:
        """The server thinks, before it takes the lock or answers."""
        await self._until(self._clock() + self._varied(self.profile.server_time(route, style, entries)))

    async def lock(self, sizes: Sequence[int], *, batch: bool) -> Locking:
        """Wait for the lock and hold it, for files of these sizes; the change belongs at the end of it.

        With `per_entry` a batch takes the lock again and again, and the change of all its entries still comes
        at the end.
        """
        locking = Locking()
        if batch and self.profile.lock_mode == "per_entry":
            for index, size in enumerate(sizes):
                await self._hold(locking, {index}, self._hold_seconds([size], batch=True, first=index == 0))
        else:
            await self._hold(locking, set(range(len(sizes))), self._hold_seconds(sizes, batch=batch, first=True))
        return locking

    async def _hold(self, locking: Locking, entries: set[int], hold: float) -> None:
        now, hold = self._clock(), self._varied(hold)
        begin = self._lock.take(now, hold)
        if begin is None:
            locking.refused |= entries
            locking.waited += self.profile.lock_wait
            await self._until(now + self.profile.lock_wait)
        else:
            locking.waited += begin - now
            await self._until(begin + hold)

    def _hold_seconds(self, sizes: Sequence[int], *, batch: bool, first: bool) -> float:
        profile = self.profile
        whole_blocks = sum(size // BLOCK_BYTES for size in sizes)
        entries = profile.lock_entry * len(sizes) if batch else 0.0
        commit = (profile.lock_batch if batch else profile.lock_single) if first else 0.0
        return commit + entries + profile.lock_block * whole_blocks

    def _connection(self, transport: asyncio.BaseTransport | None) -> _Connection:
        if transport is None:
            raise ConnectionResetError("the client is gone")
        connection = self._connections.get(transport)
        if connection is None:
            rate = self.profile.connection_rate
            connection = self._connections[transport] = _Connection(Line(rate), Line(rate))
            if self.is_limited:
                transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES
                )
        return connection

    def _varied(self, seconds: float) -> float:
        return seconds * self._random.lognormvariate(0.0, self.profile.sigma) if self.profile.sigma else seconds

    async def _until(self, moment: float) -> None:
        seconds = moment - self._clock()
        if seconds > 0.0:
            await self._sleep(seconds)
