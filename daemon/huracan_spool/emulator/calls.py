"""What was asked of the emulator, call by call."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PATH_FIELDS = frozenset({"path", "from_path", "to_path", "paths"})


@dataclass
class CallRecord:
    """`status` is None while the call runs, and stays so when its connection was cut.

    `received` counts body bytes. `paths` are those the argument names, in its order.
    """

    number: int
    route: str
    started: float
    ended: float | None = None
    status: int | None = None
    received: int = 0
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
