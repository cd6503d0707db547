"""Whether runs may go to the store at all. Pure; `now` is an argument.

A revoked token, a full account or a dead network is no run's fault and would fail them all. So the whole
account pauses, and single probes find out when it is over.

open     every run may go
closed   none may; at `probe_at` the store is probed
trying   a probe was answered: one run may go, and its end decides
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

FIRST_PAUSE = {False: 1.0, True: 30.0}  # seconds; by whether a person must act first
LONGEST_PAUSE = {False: 60.0, True: 900.0}


class State(Enum):
    OPEN = "open"
    CLOSED = "closed"
    TRYING = "trying"


@dataclass
class Gate:
    """Times are monotonic seconds."""

    state: State = State.OPEN
    reason: str = ""
    hint: str = ""
    needs_person: bool = False
    closed_since: float = 0.0
    probe_at: float = 0.0
    _pause: float = 0.0
    _trier: str | None = field(default=None)

    def admits(self, run: str | None = None) -> bool:
        """Whether another run may start now; in `trying`, only one at a time."""
        return self.state is State.OPEN or (self.state is State.TRYING and self._trier in (None, run))

    def started(self, run: str) -> None:
        if self.state is State.TRYING:
            self._trier = run

    def close(self, now: float, reason: str, hint: str, *, needs_person: bool) -> bool:
        """The store failed for everybody. True when that is news.

        The same trouble is worded differently by different calls, but what to do about it is the same.
        """
        same = reason == self.reason or (hint, needs_person) == (self.hint, self.needs_person)
        news = self.state is State.OPEN or not same
        if self.state is State.OPEN:
            self.closed_since, self._pause = now, 0.0
        if self.state is not State.CLOSED:  # the other runs under way fail for the same reason: one step
            longest, first = LONGEST_PAUSE[needs_person], FIRST_PAUSE[needs_person]
            self._pause = min(longest, max(first, self._pause * 2))
            self.probe_at = now + self._pause
        self.state, self.reason, self.hint, self._trier = State.CLOSED, reason, hint, None
        self.needs_person = needs_person
        return news

    def probe_failed(self, now: float, reason: str, hint: str, *, needs_person: bool) -> bool:
        if self.state is State.CLOSED:
            self.state = State.TRYING  # so that the pause grows
        return self.close(now, reason, hint, needs_person=needs_person)

    def probe_answered(self) -> None:
        if self.state is State.CLOSED:
            self.state, self._trier = State.TRYING, None

    def ended(self, run: str, *, store_used: bool) -> bool:
        """A run ended in some other way than by `close`. True when that opened the gate.

        `store_used`: it got through to the store. If not, another run may try.
        """
        if self.state is not State.TRYING or self._trier not in (None, run):
            return False
        self._trier = None
        if store_used:
            self.state = State.OPEN
        return store_used

    def probe_now(self, now: float) -> None:
        self.probe_at = min(self.probe_at, now)
