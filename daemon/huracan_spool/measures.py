"""Small instruments: a histogram, a speed, bytes over time. Pure; times are seconds of one monotonic clock."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

_WINDOW = 10.0  # seconds that a speed is taken over
_APART = 0.5  # seconds between two marks of a speed


class Histogram:
    """Counts values by upper bounds, which are ascending; what is above the last one counts in the total."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.total = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self._counts)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """How many values were at most each bound."""
        return zip(self.bounds, accumulate(self._counts), strict=False)


@dataclass
class Speed:
    """Of something that grows: what came within the last ten seconds, per second."""

    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, now: float, total: int) -> None:
        """`total` has been reached."""
        if not self._marks or now - self._marks[-1][0] >= _APART:
            self._marks.append((now, total))
        while len(self._marks) > 1 and now - self._marks[1][0] >= _WINDOW:
            self._marks.popleft()

    def at(self, now: float, total: int) -> float:
        """Per second, from the last mark that is older than the window, or the first there is, until now."""
        old = [mark for mark in self._marks if now - mark[0] >= _WINDOW]
        since, base = old[-1] if old else self._marks[0] if self._marks else (now, total)
        return max(0.0, (total - base) / max(now - since, 1.0))


class Throughput:
    """The bytes of the last `slots` times `width` seconds, slot by slot."""

    def __init__(self, width: float = 10.0, slots: int = 180) -> None:
        self.width = width
        self.slots = slots
        self._counts: deque[tuple[int, int]] = deque(maxlen=slots)

    def add(self, now: float, count: int) -> None:
        slot = int(now // self.width)
        if self._counts and self._counts[-1][0] == slot:
            count += self._counts.pop()[1]
        self._counts.append((slot, count))

    def rates(self, now: float) -> list[float]:
        """Bytes per second of every slot that is over, the oldest first."""
        current = int(now // self.width)
        counts = dict(self._counts)
        return [counts.get(slot, 0) / self.width for slot in range(current - self.slots, current)]
