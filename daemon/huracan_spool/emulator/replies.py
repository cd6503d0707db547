"""HTTP answers as values: status, headers, bytes. What Dropbox says in each case, and nothing sent yet."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dropbox import stone_serializers

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Stream:
    """A body that is made while it is sent. `size` None is known at its end."""

    chunks: Callable[[], Generator[bytes]]
    size: int | None


@dataclass(frozen=True)
class Reply:
    status: int
    content_type: str
    body: bytes | Stream
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int | None:
        return len(self.body) if isinstance(self.body, bytes) else self.body.size

    def chunks(self) -> Generator[bytes]:
        if isinstance(self.body, bytes):
            yield self.body
        else:
            yield from self.body.chunks()

    def with_headers(self, headers: Mapping[str, str]) -> Reply:
        return replace(self, headers={**self.headers, **headers})


def of_json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, JSON_TYPE, json.dumps(value).encode(), headers or {})


def text(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, TEXT_TYPE, message.encode(), headers or {})


def html(status: int, message: str) -> Reply:
    page = f"<!DOCTYPE html><html><head><title>{message}</title></head><body>{message}</body></html>"
    return Reply(status, HTML_TYPE, page.encode())


def error(status: int, wire_error: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """`wire_error` is the union's JSON. The dots are there so that nobody matches on the summary."""
    summary = f"{_summary(wire_error)}/{'.' * secrets.randbelow(4)}"
    value: dict[str, Any] = {"error_summary": summary, "error": wire_error}
    if status == 403:
        value["user_message"] = {"text": "Your account can't use this.", "locale": "en"}
    return of_json(status, value, headers)


def stone_error(status: int, validator: Any, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    return error(status, encode(validator, value), headers)


def unauthorised(wire_error: Any) -> Reply:
    return error(401, wire_error, {"WWW-Authenticate": 'Bearer realm="Dropbox-API"'})


def rate_limited(reason: str, retry_after: int, form: str) -> Reply:
    """Three forms have been seen: `header` (JSON beside Retry-After), `json` (inside it), `text`."""
    headers = {"Retry-After": str(retry_after)}
    inner: dict[str, Any] = {"reason": {".tag": reason}}
    if form == "text":
        return text(429, f"{reason}: slow down", headers)
    if form == "json":
        return error(429, {**inner, "retry_after": retry_after})
    return error(429, inner, headers)


def server_error(status: int, form: str) -> Reply:
    """`form`: `empty`, `html`, `json` or `text`."""
    if form == "json":
        return of_json(status, {"error": "internal_server_error"})
    if form == "html":
        return html(status, f"{status} Server Error")
    return Reply(status, TEXT_TYPE, b"" if form == "empty" else b"upstream request timeout")


def encode(validator: Any, value: Any) -> Any:
    """A stone value as JSON. Raises stone's `ValidationError` for what its type does not allow."""
    return stone_serializers.json_compat_obj_encode(validator, value)


def _summary(wire_error: Any) -> str:
    """The tags from the outside in; members of a flattened struct hide under `reason`."""
    if not isinstance(wire_error, dict):
        return ""
    if ".tag" not in wire_error:
        return _summary(wire_error.get("reason"))
    tag = str(wire_error[".tag"])
    inner = _summary(wire_error.get(tag)) or _summary(wire_error.get("reason"))
    return f"{tag}/{inner}" if inner else tag
