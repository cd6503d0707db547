"""What became of the runs, and why a push ended before all of them were looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from huracan_spool.errors import HuracanSpoolError


@dataclass(frozen=True, slots=True)
class Pushed:
    """`size` in bytes, of the artifacts; `superseded` is None when nothing was sent."""

    day: str
    run: str
    size: int
    superseded: bool | None


@dataclass(frozen=True, slots=True)
class Problem:
    """A run that did not go. `may_pass`: the next push may succeed without anybody's help."""

    day: str
    run: str
    reason: str
    may_pass: bool = False


@dataclass
class Report:
    dry_run: bool = False
    pushed: list[Pushed] = field(default_factory=list)
    already_there: int = 0
    broken: list[Problem] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)
    ended_because: str | None = None

    @property
    def all_went(self) -> bool:
        return not self.broken and not self.failed

    @property
    def later_may_do(self) -> bool:
        """Whether only such runs are left as may go the next time."""
        return not self.broken and all(problem.may_pass for problem in self.failed)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class End(Enum):
    UNREACHABLE = "nobody answers"
    NOT_PERMITTED = "the log-in or its rights must be mended"
    LATER = "it can go on when something else is mended"


class Ended(HuracanSpoolError):
    """The push can't go on; whatever was done stays done. `hint` says what to do, if anything."""

    def __init__(self, reason: str, hint: str, end: End) -> None:
        super().__init__(reason)
        self.hint = hint
        self.end = end
