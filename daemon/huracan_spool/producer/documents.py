"""JSON of what training computes: metrics, features, metadata.

JSON has no NaN and no infinity; Python writes them all the same, and then half of all readers refuse the file. They
become null, and the caller is told which. Numbers of numpy and torch become plain ones, without importing either.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

MAX_TOLD = 10


class Plain:
    """Turns values into what JSON can say; `odd` are the places where that lost something: `sharpe_ratio (nan)`."""

    def __init__(self) -> None:
        self.odd: list[str] = []

    def of(self, value: Any, where: str = "") -> Any:
        """Raises `RecursionError` for what contains itself."""
        match value:
            case None | bool() | int() | str():
                return value
            case float():
                return float(value) if math.isfinite(value) else self._lost(where, str(value))
            case Mapping():
                return {str(key): self.of(item, f"{where}.{key}".strip(".")) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.of(item, f"{where}[{index}]") for index, item in enumerate(value)]
            case datetime() | date():
                return value.isoformat()
            case PurePath():
                return str(value)
        return self._foreign(value, where)

    def _foreign(self, value: Any, where: str) -> Any:
        """A scalar or array of another library has `tolist`; what is left becomes text."""
        if hasattr(value, "tolist"):
            return self.of(value.tolist(), where)
        if hasattr(value, "item"):
            return self.of(value.item(), where)
        self.odd.append(f"{where} ({type(value).__name__} as text)")
        return str(value)

    def _lost(self, where: str, what: str) -> None:
        self.odd.append(f"{where} ({what})")


def to_json(document: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    """The file's bytes, and what could not be said as it was."""
    plain = Plain()
    data = json.dumps(plain.of(document), indent=2, allow_nan=False).encode() + b"\n"
    return data, plain.odd


def told(odd: Iterable[str]) -> str:
    places = list(odd)
    more = f" and {len(places) - MAX_TOLD} more" if len(places) > MAX_TOLD else ""
    return ", ".join(places[:MAX_TOLD]) + more
