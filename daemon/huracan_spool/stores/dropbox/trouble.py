"""Whether a kind of call fails for everybody, so that not every run has to find out for itself.

A connection that breaks, an answer of 5xx or none at all may be bad luck. When a route gives nothing else for a
while, whoever calls it, that is the state of the store: the call is not repeated, and all runs wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from huracan_spool.errors import Unreachable

FAILURES = 6  # as many as one call makes by itself
A_WHILE = 10.0  # seconds; when the network drops for a moment, all connections break at once


class OutOfOrder(Unreachable):
    """A route that fails for everybody."""

    most_attempts = 1


@dataclass(slots=True)
class _Streak:
    since: float
    failures: int = 0


@dataclass
class Streaks:
    """Failures in a row, by route. `clock` in seconds."""

    clock: Callable[[], float] = time.monotonic
    _streaks: dict[str, _Streak] = field(default_factory=dict)

    def worked(self, route: str) -> None:
        """There was an answer that makes sense, even if it is a refusal."""
        self._streaks.pop(route, None)

    def failed(self, route: str, *, slow: bool) -> bool:
        """True when it is for everybody. A `slow` failure took minutes and counts for more."""
        now = self.clock()
        streak = self._streaks.setdefault(route, _Streak(now))
        streak.failures += FAILURES // 2 if slow else 1
        return streak.failures >= FAILURES and now - streak.since >= A_WHILE
