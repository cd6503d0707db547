"""How fast: one rate of calls for the account, one rate of bytes for the line."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from operator import itemgetter

# Twelve calls a second were seen to go well, fifteen not (https://github.com/rclone/rclone/issues/5156), so ten
# a second leave room for two more.
_TOGETHER = 3
_SLOWER, _QUICKER, _SLOWEST = 1.5, 0.99, 2.0

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Freeze:
    """No calls before `until`, in seconds of the pacing's clock, because of `reason`."""

    until: float
    reason: str


class CallRate:
    """At most `per_second` calls a second, of all kinds, first come first served.

    The calls are spaced: over which window Dropbox counts is not known, and spaced calls keep the rate over
    every window. Only after a rest a few may go out `together`, by default as many as it takes to store one run.
    A rejection for too many calls makes them rarer, and every call that goes well a little less so.
    """

    def __init__(
        self,
        per_second: float,
        *,
        together: int = _TOGETHER,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._together = together
        self._usual = self._spacing = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._freeze: Freeze | None = None
        self._queue = asyncio.Lock()

    @property
    def frozen(self) -> Freeze | None:
        """The freeze that is in force."""
        freeze = self._freeze
        return freeze if freeze is not None and freeze.until > self._clock() else None

    @property
    def frozen_until(self) -> float | None:
        freeze = self.frozen
        return freeze.until if freeze else None

    def freeze(self, seconds: float, reason: str) -> None:
        """Holds every call back for `seconds`. A shorter freeze never ends a longer one."""
        until = self._clock() + seconds
        if self._freeze is None or until > self._freeze.until:
            self._freeze = Freeze(until, reason)
            self._next = max(self._next, until + (self._together - 1) * self._spacing)  # no burst right after it

    async def turn(self) -> None:
        """Returns when a call may go out."""
        async with self._queue:
            # A freeze may come while one waits, hence the loop.
            while (wait := self._wait()) > 0:
                await self._sleep(wait)
            self._next = max(self._next, self._clock()) + self._spacing
            self._spacing = max(self._usual, self._spacing * _QUICKER)

    def slow_down(self) -> None:
        """A call was rejected because there were too many."""
        self._spacing = min(_SLOWEST, self._spacing * _SLOWER)

    def _wait(self) -> float:
        now = self._clock()
        return max(self._next - (self._together - 1) * self._spacing, self.frozen_until or 0.0) - now


@dataclass(frozen=True, slots=True)
class Timetable:
    """Rates by the time of day: `(minute of the day, bytes per second or None for no limit)`, sorted.

    Each holds until the next, the last one over midnight until the first.
    """

    entries: tuple[tuple[int, int | None], ...]

    def rate_at(self, minute: int) -> int | None:
        if not self.entries:
            return None
        return self.entries[bisect_right(self.entries, minute, key=itemgetter(0)) - 1][1]


def minute_of_day() -> int:
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min


class Bandwidth:
    """At most `limit` bytes a second over all bodies together; None is no limit.

    A taker pays for what it takes by making the next one wait, so chunks of any size keep the rate, and
    since the line is served in order, every body gets its share.
    """

    def __init__(
        self,
        limit: int | Timetable | None,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        local_minute: Callable[[], int] = minute_of_day,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._local_minute = local_minute
        self._paid_until = clock()
        self._queue = asyncio.Lock()

    @property
    def rate(self) -> int | None:
        """Bytes per second at this minute."""
        if isinstance(self._limit, Timetable):
            return self._limit.rate_at(self._local_minute())
        return self._limit

    @property
    def grain(self) -> int | None:
        """How many bytes to take at once so that no wait is longer than about a quarter of a second."""
        rate = self.rate
        return None if rate is None else max(1024, rate // 4)

    async def take(self, count: int) -> None:
        """Returns when `count` more bytes may be sent."""
        if self.rate is None:
            return
        async with self._queue:
            while (wait := self._paid_until - self._clock()) > 0:
                await self._sleep(wait)
            self._pay(count)

    def _pay(self, count: int) -> None:
        rate = self.rate
        if rate is not None:
            self._paid_until = max(self._clock(), self._paid_until) + count / rate
