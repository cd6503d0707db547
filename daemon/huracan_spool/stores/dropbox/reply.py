"""An HTTP answer as a value, and what can be read from it whoever sent it and however broken it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

SUCCESSES = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)  # the second for a part of a file that was asked for

_LONGEST_TEXT = 300
_LONGEST_PAUSE = 3600.0
# What to wait, in seconds, when Dropbox names no time: https://developers.dropbox.com/dbx-performance-guide
_PAUSE_FOR_LOCK = 1.0
_PAUSE_FOR_RATE = 5.0
_BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"',;]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """`headers` has its names in lower case; `body` is whole, or the call would have failed before."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        return printable(self.headers.get("x-dropbox-request-id", "none"), 40)

    def json(self) -> Any:
        """The decoded body. Raises ValueError when it is no JSON."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def document(self) -> dict[str, Any]:
        """The decoded body when it is a JSON object, else an empty one."""
        try:
            document = self.json()
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def tags(self) -> tuple[str, ...]:
        """The nested tags of the error in the body; empty when there is none."""
        return tags_of(self.document().get("error"))

    @property
    def text(self) -> str:
        """What the body says, for a message: the summary and the user's message, or the plain text."""
        document = self.document()
        if not document:
            return printable(self.body[:2000].decode(errors="replace"))
        # The random number of dots at the end is there so that nobody compares summaries.
        summary = str(document.get("error_summary", "")).rstrip("/.")
        said = document.get("user_message")
        return printable(f"{summary}: {said.get('text')}" if isinstance(said, dict) else summary)

    @property
    def pause(self) -> float | None:
        """Seconds in which no call at all should be made, when the reply asks for it."""
        header = _seconds(self.headers.get("retry-after"))
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return header
        if self.status != HTTPStatus.TOO_MANY_REQUESTS:
            return None
        return header if header is not None else self._pause_by_reason()

    def _pause_by_reason(self) -> float:
        error = self.document().get("error")
        stated = _seconds(error.get("retry_after")) if isinstance(error, dict) else None
        if stated is not None:
            return stated
        return _PAUSE_FOR_LOCK if "too_many_write_operations" in tags_of(error) else _PAUSE_FOR_RATE


def levels(error: object) -> Iterator[dict[str, Any]]:
    """An error and what it wraps, outermost first.

    A struct's fields lie flat beside its tag, so what is wrapped sits under the tag's name or under `reason`.
    """
    for _ in range(8):
        if not isinstance(error, dict):
            return
        yield error
        error = error.get(str(error.get(".tag")), error.get("reason"))


def tags_of(error: object) -> tuple[str, ...]:
    """The nested tags of a decoded error. A bare string is a tag too: Stone's short form."""
    if isinstance(error, str):
        return (error,)
    return tuple(level[".tag"] for level in levels(error) if isinstance(level.get(".tag"), str))


def printable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Text from outside, fit for a message: one line, bounded, without a token."""
    line = _BEARER.sub(r"\1***", _CONTROLS.sub(" ", text)).strip()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _seconds(value: object) -> float | None:
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return min(seconds, _LONGEST_PAUSE) if seconds >= 0 else None
