"""Whether the work still moves: what the watchdog of systemd is fed by.

A ping from the event loop shows that the loop is not blocked, and nothing else. A deadlock between attempts, or
threads that never come back from a dead disk, leave it as quick as ever. So there is a ping only while something
moves: a stage, a byte, an answer, a repeat. A pause is a wait with an end, so it counts as moving, as long as the
probe that ends it comes. No single run is watched, for among hundreds one may wait for the line for hours; a run
that hangs alone is found when the others are done.
"""

from __future__ import annotations

from collections.abc import Callable

from huracan_spool.activity import Activity
from huracan_spool.standing import Standing

# Longer than any silence that is none: a call's time-out, a wait that the store asked for.
PATIENCE = 600.0
# Nothing is told while a file is read, which may be large, and its disk slow.
SLOWEST_READING = 20 * 1024 * 1024  # bytes a second


class Pulse:
    """Times are monotonic seconds; `now` is an argument."""

    def __init__(
        self, activity: Activity, standing: Callable[[], Standing], rescan_interval: float, now: float
    ) -> None:
        self._activity = activity
        self._standing = standing
        self._work = _Strand(now)
        self._rescans = _Strand(now)
        self._rescan_interval = rescan_interval

    def stuck(self, now: float) -> str | None:
        """What does not move, as a sentence; None when all is well."""
        runs = self._activity.under_way
        reading = sum(run.bytes_total for run in runs) / SLOWEST_READING
        silence = self._work.silence(now, self._traces())
        if runs and silence > PATIENCE + reading and not self._waits():
            return f"{len(runs)} runs are under way, and nothing was heard of them for {silence:.0f} s"
        totals = self._activity.totals
        silence = self._rescans.silence(now, (self._activity.rescan, totals.rescans_failed))
        if silence > PATIENCE + self._rescan_interval:
            return f"no look at the spool came to an end for {silence:.0f} s"
        return None

    def _traces(self) -> object:
        """Differs from what it was when anything has happened to the runs under way."""
        activity, totals = self._activity, self._activity.totals
        runs = tuple((run.run, run.began, run.stage, run.bytes_out) for run in activity.under_way)
        return runs, totals.bytes_sent, totals.calls.total(), totals.calls_repeated

    def _waits(self) -> bool:
        paused = self._standing().paused
        return paused is not None and paused.next_try > 0


class _Strand:
    """Since when a value has been the same."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._value: object = None

    def silence(self, now: float, value: object) -> float:
        if value != self._value:
            self._value, self._since = value, now
        return now - self._since
