"""What was asked of the emulator, call by call."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

PATH_FIELDS = frozenset({"path", "from_path", "to_path", "paths"})


@dataclass
class CallRecord:
    """`status` is None while the call runs, and stays so when its connection was cut.

    `received` counts body bytes, `sent` those of the answer. `paths` are those the argument names, in its order.
    `lock_wait` is how many seconds passed until the call had the write lock, or was refused it; None when the call
    did not get that far or its route does not lock.
    """

    number: int
    route: str
    started: float
    ended: float | None = None
    status: int | None = None
    received: int = 0
    sent: int = 0
    lock_wait: float | None = None
    argument: Any = None
    paths: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    request_id: str = field(default_factory=lambda: secrets.token_hex(16))

    def take_argument(self, text: str | bytes) -> None:
        """Whatever can be read of it: the log also covers calls that are refused for it."""
        try:
            self.argument = json.loads(text)
        except (ValueError, RecursionError):
            return
        self.paths = tuple(_paths(self.argument))


@dataclass(frozen=True)
class Totals:
    """The log in figures. `commits` are calls that changed something under the lock, `overlaps` all that found it
    taken, `refused` the answers 429.
    """

    calls: int
    commits: int
    overlaps: int
    received: int
    refused: int

    @classmethod
    def of(cls, calls: Sequence[CallRecord]) -> Totals:
        locking = [call for call in calls if call.lock_wait is not None]
        return cls(
            calls=len(calls),
            commits=sum(call.status == 200 for call in locking),
            overlaps=sum(call.lock_wait != 0.0 for call in locking),
            received=sum(call.received for call in calls),
            refused=sum(call.status == 429 for call in calls),
        )


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _paths(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name in PATH_FIELDS:
                yield from ([each] if isinstance(each, str) else (text for text in each if isinstance(text, str)))
            else:
                yield from _paths(each)
