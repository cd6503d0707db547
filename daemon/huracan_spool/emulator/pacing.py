"""The limit on calls per second, as a bucket of one second's worth."""

from __future__ import annotations

import math


class CallRate:
    """Refused calls count too, so a caller that does not wait stays refused. `rate` None is no limit.

    `told` is what a refused caller is told to wait, in seconds; None is what would be enough.
    """

    def __init__(self, rate: float | None, told: int | None = None) -> None:
        self._rate = rate
        self._told = told
        self._tokens = rate or 0.0
        self._at: float | None = None

    def take(self, now: float) -> int | None:
        """None when the call may go on, else the seconds after which the next one may."""
        if self._rate is None:
            return None
        burst = max(self._rate, 1.0)
        elapsed = 0.0 if self._at is None else now - self._at
        self._at = now
        self._tokens = max(min(self._tokens + elapsed * self._rate, burst) - 1.0, -burst)
        if self._tokens >= 0.0:
            return None
        return self._told or math.ceil((1.0 - self._tokens) / self._rate)
