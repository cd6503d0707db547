"""Faults: which call is spoiled, and how. Their effect on the wire is in `exchange`.

A fault waits for the `call`-th request on its route from now on (1 is the very next), and spoils `times` of
them; None means until it is cleared. Faults are looked at before anything else, so the token and the argument
do not matter to them. A fault that replaces the answer keeps the call from taking effect, unless
`after_effect` is set: then the call is done and its caller is lied to.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal[
    "refuse",  # reset the connection without reading the body
    "reset_mid_body",  # read `after_bytes` of the body, then reset
    "reset_before",  # read the body, do nothing, reset
    "reset_after",  # take effect, then reset: the reply is lost
    "delay",  # wait `seconds`
    "hold",  # wait until released
    "truncate",  # take effect, and break the reply off after `after_bytes`
    "reset_mid_reply",  # take effect, send `after_bytes` of the reply, then reset
    "stall",  # take effect, send `after_bytes` of the reply, and the rest after `seconds`
    "corrupt",  # take effect, and send the byte that follows `after_bytes` of the reply wrong
    "wrong_content_type",  # take effect, and declare the answer as `content_type`
    "html",  # 200 with a page
    "wrong_json",  # 200 with JSON that is no answer of any route
    "bad_request",  # 400 with text
    "auth",  # 401 with `tag`
    "access",  # 403 with `tag`
    "error",  # 409 with `error`, or with `tag` alone
    "rate_limit",  # 429 for the reason `tag`
    "server_error",  # 5xx
    "entries",  # a batch in which single entries fail
    "reply",  # any status, body, content type and headers
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`route` is the URL's path without `/2/`, `oauth2/token`, or `*` for any.

    `form` is for `rate_limit` header, json or text; for `server_error` empty, html, json or text.
    `entries` maps the index of a batch's entry to its error in wire form. `error` overrides `tag`.
    """

    route: str
    kind: Kind
    call: int = 1
    times: int | None = 1
    after_effect: bool = False
    after_bytes: int = 0
    seconds: float = 0.0
    tag: str = "other"
    error: Any = None
    status: int = 500
    form: str = ""
    retry_after: int = 1
    body: str = ""
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no fault of the kind {self.kind!r}")
        if self.call < 1 or (self.times is not None and self.times < 1):
            raise ValueError("calls are counted from 1, and a fault strikes at least once")

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Fault:
        """Raises `ValueError` for what is no fault."""
        known = {each.name for each in dataclasses.fields(cls)}
        if not {"route", "kind"} <= set(value) <= known:
            raise ValueError(f"a fault needs route and kind, and has no fields but {sorted(known)}")
        entries = {int(index): error for index, error in value.get("entries", {}).items()}
        return cls(**{**value, "entries": entries})

    @property
    def wire_error(self) -> Any:
        return {".tag": self.tag} if self.error is None else self.error


class ActiveFault:
    """A fault in force. `reached` is set while a `hold` has a call in its hand."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.calls = 0
        self.hits = 0
        self.reached = asyncio.Event()
        self._released = asyncio.Event()

    @property
    def is_spent(self) -> bool:
        return self.fault.times is not None and self.hits >= self.fault.times

    def strikes(self, route: str) -> bool:
        """Count a request, and say whether it is one to spoil."""
        if self.fault.route not in {route, "*"} or self.is_spent:
            return False
        self.calls += 1
        if self.calls < self.fault.call:
            return False
        self.hits += 1
        return True

    def release(self) -> None:
        """Let go of the calls that are held, and of those to come."""
        self._released.set()

    async def hold(self) -> None:
        self.reached.set()
        await self._released.wait()


class Faults:
    """The faults in force, in the order they were added."""

    def __init__(self) -> None:
        self._active: dict[int, ActiveFault] = {}
        self._added = 0

    def __iter__(self) -> Iterator[ActiveFault]:
        return iter(list(self._active.values()))

    def add(self, fault: Fault) -> ActiveFault:
        self._added += 1
        active = ActiveFault(self._added, fault)
        self._active[active.number] = active
        return active

    def remove(self, number: int) -> None:
        """Raises `KeyError`. A held call goes on."""
        self._active.pop(number).release()

    def clear(self) -> None:
        for number in list(self._active):
            self.remove(number)

    def striking(self, route: str) -> list[ActiveFault]:
        return [active for active in self._active.values() if active.strikes(route)]
