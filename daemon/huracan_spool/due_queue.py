"""Who goes first: due times, and one lane for each symbol and date. Pure; `now` is an argument.

Runs of one lane write to the same folder of the store, so only one of them is under way at a time; all else
goes in parallel. A run's lane is known once its manifest has been read, so it is named when the run starts.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import count


@dataclass
class DueQueue:
    """Times are monotonic seconds."""

    _due: dict[str, float] = field(default_factory=dict)
    _heap: list[tuple[float, int, str]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)
    _under_way: dict[str, Hashable | None] = field(default_factory=dict)
    _refused: dict[str, Hashable] = field(default_factory=dict)
    _parked: dict[Hashable, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    _called: dict[str, tuple[Hashable, float]] = field(default_factory=dict)
    _again: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        """Runs waiting, for their time or for their lane."""
        return len(self._due) + sum(map(len, self._parked.values()))

    @property
    def under_way(self) -> frozenset[str]:
        return frozenset(self._under_way)

    def add(self, run: str, due: float) -> None:
        """Let `run` be due at `due`, or earlier if it already was; while it is under way, afterwards."""
        if run in self._under_way:
            self._again[run] = min(due, self._again.get(run, due))
        elif not any(run in waiting for waiting in self._parked.values()):
            self._schedule(run, min(due, self._due.get(run, due)))

    def take(self, now: float) -> str | None:
        """The next run whose time has come; it is under way until `done`."""
        while self._heap and self._heap[0][0] <= now:
            due, _, run = heapq.heappop(self._heap)
            if self._due.get(run) == due:  # else: an entry that a later `add` replaced
                del self._due[run]
                self._under_way[run] = None
                return run
        return None

    def enter(self, run: str, lane: Hashable) -> bool:
        """Take the lane for a run under way; False when another run has it, and then the turn ends with `park`."""
        if run in self._called and self._called[run][0] != lane:  # its manifest was replaced meanwhile
            self._pass_on(run)
        self._called.pop(run, None)
        if lane in self._under_way.values():
            self._refused[run] = lane
            return False
        self._under_way[run] = lane
        return True

    def park(self, run: str, now: float) -> None:
        """End the turn of a run whose lane was taken; it comes again when the lane is free.

        Until now it was under way: it had to close what it had opened, and no second attempt may meet it there.
        """
        lane = self._refused.pop(run)
        del self._under_way[run]
        self._again.pop(run, None)  # the wish is fulfilled when the lane is free
        if lane in self._under_way.values():
            self._parked[lane].append(run)
        else:
            self._schedule(run, now)

    def done(self, run: str, now: float, again_at: float | None = None) -> None:
        """End a run's turn; it comes again at `again_at`, or when an `add` meanwhile asked for it."""
        lane = self._under_way.pop(run)
        self._refused.pop(run, None)
        wishes = [due for due in (again_at, self._again.pop(run, None)) if due is not None]
        if wishes:
            self._schedule(run, min(wishes))
        self._pass_on(run)
        self._call_next(lane, now)

    def discard(self, run: str) -> None:
        """Forget a run that waits; one under way ends by itself."""
        self._again.pop(run, None)
        if self._due.pop(run, None) is not None:
            self._pass_on(run)
        for lane, waiting in list(self._parked.items()):
            if run in waiting:
                waiting.remove(run)
                self._forget_if_empty(lane)

    def all_due(self, now: float) -> None:
        """Let every waiting run be due now."""
        for run in list(self._due):
            self._schedule(run, now)

    def due_now(self, now: float) -> int:
        """How many runs wait for nothing but their turn."""
        return sum(due <= now for due in self._due.values())

    def next_due(self) -> float | None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _call_next(self, lane: Hashable, now: float) -> None:
        """A lane is free: the first that is parked for it is due."""
        if lane in self._parked:
            run = self._parked[lane].popleft()
            self._forget_if_empty(lane)
            self._called[run] = lane, now
            self._schedule(run, now)

    def _pass_on(self, run: str) -> None:
        """A run that was called into a lane never got there: the next one is called, or nobody ever would be."""
        if run in self._called:
            self._call_next(*self._called.pop(run))

    def _forget_if_empty(self, lane: Hashable) -> None:
        if not self._parked[lane]:
            del self._parked[lane]

    def _schedule(self, run: str, due: float) -> None:
        self._due[run] = due
        heapq.heappush(self._heap, (due, next(self._order), run))
