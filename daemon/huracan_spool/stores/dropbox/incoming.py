"""A body on its way in, for answers too large to be held in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Sink(Protocol):
    """Takes the body of a success as it arrives. What it raises ends the call and is not repeated."""

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """A body follows, perhaps not for the first time: what came before no longer counts."""
        ...

    def take(self, part: bytes) -> None: ...
