"""A strict reader of the daemon's text log: what it can't read is a finding."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_HEAD = re.compile(r"\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\] \[(debug|info|warning|error|critical)\] ")
_WORD = re.compile(r"[!#-&(-<>-~]+")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class LogLine:
    text: str
    level: str
    event: str
    fields: Mapping[str, Any]

    def has(self, event: str, wanted: Mapping[str, Any]) -> bool:
        return self.event == event and all(self.fields.get(name) == value for name, value in wanted.items())


def parse_line(text: str) -> LogLine:
    """Raises `ValueError` for a line that a reader of the documented format could not take apart."""
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"unprintable: {text!r}")
    head = _HEAD.match(text)
    if head is None:
        raise ValueError(f"no log line: {text!r}")
    event, at = _value(text, head.end())
    fields: dict[str, Any] = {}
    while at < len(text):
        if text[at] != " ":
            raise ValueError(f"no blank at {at}: {text!r}")
        name, at = _value(text, at + 1)
        if text[at : at + 1] != "=" or name in fields:
            raise ValueError(f"no field at {at}: {text!r}")
        fields[name], at = _results(text, at + 1) if name == "results" else _value(text, at + 1)
    return LogLine(text, head[2], event, fields)


def _value(text: str, at: int) -> tuple[Any, int]:
    """A word as it is, anything else as JSON; returns the value and where it ends."""
    if text[at : at + 1] in {'"', "[", "{"}:
        return _DECODER.raw_decode(text, at)
    word = _WORD.match(text, at)
    if word is None:
        raise ValueError(f"no value at {at}: {text!r}")
    return word[0], word.end()


def _results(text: str, at: int) -> tuple[Any, int]:
    end = text.index("}", at) + 1
    return ast.literal_eval(text[at:end]), end
