"""Both answers to "when again?": for one call of a store, and for a whole run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from huracan_spool.errors import TryAgain

T = TypeVar("T")

# 2**30 times any first delay is beyond any maximum; larger powers would overflow a float.
_MOST_DOUBLINGS = 30


def ceiling(attempt: int, first: float, maximum: float) -> float:
    """The longest wait in seconds after the failed `attempt` (from 1): doubling from `first` to `maximum`."""
    return min(maximum, first * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))


def call_backoff(attempt: int, first: float, maximum: float, rng: random.Random) -> float:
    """Anything from nothing to the ceiling: calls that failed together don't come back together.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ calls this full jitter.
    """
    return rng.uniform(0, ceiling(attempt, first, maximum))


def run_backoff(attempt: int, first: float, maximum: float, rng: random.Random) -> float:
    """Seconds until a run that failed `attempt` times is due again: half the ceiling, and up to all of it.

    Half is certain because a run is expensive to begin: it is opened, hashed and looked up anew.
    """
    return rng.uniform(0.5, 1) * ceiling(attempt, first, maximum)


class CallRetry:
    """Repeats a call while it raises `TryAgain`, at most `attempts` times, then lets the last error out.

    Or fewer, when the error says that more are of no use. A `retry_after` is waited out in full, with a little on
    top so that all who were told the same don't come back in the same instant.
    """

    def __init__(
        self,
        *,
        first: float,
        maximum: float,
        attempts: int = 6,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        rng: random.Random,
    ) -> None:
        self._first = first
        self._maximum = maximum
        self._attempts = attempts
        self._sleep = sleep
        self._rng = rng

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TryAgain),
            stop=self._is_enough,
            wait=self._wait,
            sleep=self._pause,
            reraise=True,
        )
        return await retrying(call)

    def _is_enough(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        most = error.most_attempts if isinstance(error, TryAgain) else None
        return state.attempt_number >= min(self._attempts, most or self._attempts)

    async def _pause(self, seconds: float) -> None:
        await self._sleep(seconds)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wished = error.retry_after if isinstance(error, TryAgain) else None
        jitter = call_backoff(state.attempt_number, self._first, self._maximum, self._rng)
        return jitter if wished is None else wished + min(jitter, self._first)
