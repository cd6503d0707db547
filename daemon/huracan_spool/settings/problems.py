"""What is wrong with a configuration: all of it in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from huracan_spool.errors import HuracanSpoolError

if TYPE_CHECKING:
    from collections.abc import Iterable


class NotAccepted(ValueError):
    """A text that a parser turned down. `expected` says what would do, and never repeats the text."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: the dotted path, what was expected there, and where the value came from."""

    path: str
    reason: str
    where: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason} ({self.where})"


class ConfigurationError(HuracanSpoolError):
    """The configuration can't be used; `problems` is everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class ConfigurationNotPermitted(ConfigurationError):
    """The file is open to people it should be closed to, or closed to us."""
