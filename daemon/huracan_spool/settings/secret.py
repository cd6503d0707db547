"""A value that must never be printed."""

from __future__ import annotations

HIDDEN = "***"


class Secret:
    """Shows as `***` in every text, `repr` and JSON; `reveal` is the only way to the value.

    Not a dataclass: `dataclasses.asdict` would take it apart.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        """Reloading the configuration must notice a new token."""
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)
