"""When the wait of one run is worth a line in the log."""

from __future__ import annotations

import re

from huracan_spool.logs import RepeatedProblem, Repeats

# Of one request or one attempt, not of the trouble.
_PARTICULARS = re.compile(r"\([^)]*\)|\d+")


class RunWait:
    """When it begins, ever more seldom while it goes on, and when its reason becomes another one."""

    def __init__(self) -> None:
        self.times = 0  # that it had to wait
        self._reason = ""
        self._problem = RepeatedProblem()

    def happened(self, why: str, now: float) -> Repeats | None:
        """What to log now, if anything. `now` is in seconds of a clock that never goes back."""
        self.times += 1
        reason = _PARTICULARS.sub("", why)
        if reason != self._reason:
            self._reason, self._problem = reason, RepeatedProblem()
        return self._problem.happened(now)
