"""Dropbox's HTTP conventions without I/O: a call to a request, a reply to a result or an error.

The official SDK is the codec: its validators check what goes out and read what comes back. Errors are read
from the JSON itself, because the SDK's decoder gives up on a whole answer for one explicit `other` tag in
it (https://github.com/dropbox/dropbox-sdk-python/issues/585). A reply is read by its status, whatever its
content type says: portals and proxies answer too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeVar

from dropbox import files, stone_validators
from dropbox.stone_serializers import json_compat_obj_decode, json_encode

from huracan_spool.errors import Refused, StoreError, TryAgain, Unknown, Unreachable
from huracan_spool.stores.dropbox import classify
from huracan_spool.stores.dropbox.reply import SUCCESSES, Reply, levels, printable, tags_of

T = TypeVar("T")
Host = Literal["api", "content"]

# The answers by which Dropbox certainly did nothing. Any other failure of a call may have taken effect.
_CERTAIN_REFUSALS = (400, 401, 403, 404, 409, 413, 422, 429)


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the API. `repeatable`: doing it twice is the same as doing it once.

    `patience` is how long, in seconds, the server may work on it without a sign of life. Dropbox's own front
    cuts most requests after about 90.
    """

    stone: Any
    repeatable: bool
    patience: float
    namespace: str = "files"

    @classmethod
    def of(cls, key: str, *, repeatable: bool = True, patience: float = 90.0) -> Route:
        """The route that the SDK knows as `key`: its name, and `:version` from the second on."""
        return cls(files.ROUTES[key], repeatable, patience)

    @property
    def name(self) -> str:
        version = self.stone.version
        return f"{self.namespace}/{self.stone.name}" + (f"_v{version}" if version > 1 else "")

    @property
    def host(self) -> Host:
        return "content" if self.stone.attrs["host"] == "content" else "api"

    @property
    def style(self) -> str:
        return str(self.stone.attrs["style"])

    @property
    def returns_nothing(self) -> bool:
        return isinstance(self.stone.result_type, stone_validators.Void)


@dataclass(frozen=True, slots=True)
class Request:
    """A POST without its token. `body` is None where the caller's bytes are the body (upload style)."""

    host: Host
    path: str
    headers: Mapping[str, str]
    body: bytes | None


def encode(route: Route, arg: Mapping[str, Any] | None) -> Request:
    """The request for a call. Raises `Refused` for an argument that the API's own rules forbid."""
    kind = route.stone.arg_type
    try:
        text: str = json_encode(kind, json_compat_obj_decode(kind, arg))
    except stone_validators.ValidationError as error:
        raise Refused(f"{route.name}: {printable(str(error))}") from error
    path = f"/2/{route.name}"
    if route.style == "rpc":
        return Request(route.host, path, {"Content-Type": "application/json"}, text.encode())
    # A header must be ASCII. Stone escapes the rest, 0x7F included, as the API asks.
    headers = {"Dropbox-API-Arg": text}
    if route.style == "download":
        return Request(route.host, path, headers, b"")
    return Request(route.host, path, {**headers, "Content-Type": "application/octet-stream"}, None)


def decode(route: Route, reply: Reply) -> Any:
    """The JSON result of an rpc or upload call. Raises the error that the reply is, if it is one."""
    if reply.status != HTTPStatus.OK:
        raise failure(route, reply)
    try:
        result = reply.json()
    except ValueError as error:
        raise unreadable(route, f"200 without JSON (request {reply.request_id})") from error
    if (result is None) if route.returns_nothing else isinstance(result, dict):
        return result
    raise unreadable(route, f"200 without a result (request {reply.request_id})")


def decode_download(route: Route, reply: Reply, limit: int) -> bytes:
    """The bytes of a file, as many as the result's header says. Raises `TooBig` when those are beyond `limit`."""
    if reply.status != HTTPStatus.OK:
        raise failure(route, reply)
    try:
        result = json.loads(reply.headers.get("dropbox-api-result", ""))
    except ValueError as error:
        raise unreadable(route, "200 without Dropbox-API-Result") from error
    size = result.get("size") if isinstance(result, dict) else None
    if isinstance(size, int) and size > limit:
        raise classify.TooBig(f"{route.name}: {size} bytes are more than {limit}")
    if size != len(reply.body):
        raise unreadable(route, f"{len(reply.body)} bytes are not the whole file")
    return reply.body


def decode_streamed(route: Route, reply: Reply) -> int:
    """The status of a success whose bytes went into a sink."""
    if reply.status not in SUCCESSES:
        raise failure(route, reply)
    if "dropbox-api-result" not in reply.headers:
        raise unreadable(route, f"{reply.status} without Dropbox-API-Result")
    return reply.status


def read_file(metadata: Mapping[str, Any]) -> Any:
    """The SDK's FileMetadata. Raises ValueError when the JSON does not fit."""
    try:
        return json_compat_obj_decode(files.FileMetadata_validator, metadata, strict=False)
    except stone_validators.ValidationError as error:
        raise ValueError(printable(str(error))) from error


def entries(route: Route, result: Any, expected: int) -> list[object]:
    """A batch result's entries as raw JSON, one for each entry that was sent, in the same order."""
    found = result.get("entries") if isinstance(result, dict) else None
    if not isinstance(found, list) or len(found) != expected:
        raise unreadable(route, f"the result does not have {expected} entries")
    return found


def session_ids(route: Route, ids: object, expected: int) -> list[str]:
    if not isinstance(ids, list) or len(ids) != expected or not all(isinstance(i, str) and i for i in ids):
        raise unreadable(route, f"the result does not have {expected} session ids")
    return ids


def entry(route: Route, raw: object, success: Callable[[dict[str, Any]], T]) -> T | StoreError:
    """One entry of a batch. An entry that can't be read spoils only itself."""
    entry = {".tag": raw} if isinstance(raw, str) else raw if isinstance(raw, dict) else {}
    if entry.get(".tag") == "failure":
        return route_error(f"{route.name} entry", HTTPStatus.CONFLICT, entry.get("failure"))
    if entry.get(".tag") != "success":
        return unreadable(route, "an entry is neither success nor failure")
    try:
        return success(entry)
    except ValueError as error:
        return unreadable(route, f"an entry's success: {error}")


def unreadable(route: Route, why: str) -> StoreError:
    """The error for an answer that is no error and no result: another's answer, or a damaged one."""
    if not route.repeatable:
        return Unknown(f"{route.name}: {why}")
    hint = "something between this host and Dropbox answers in its place"
    return Unreachable(f"{route.name}: {why}", hint=hint)


def failure(route: Route, reply: Reply) -> StoreError:
    """The error that a reply with another status than 200 stands for."""
    message = f"{route.name}: {reply.status} {reply.text} (request {reply.request_id})"
    if not route.repeatable and reply.status not in _CERTAIN_REFUSALS:
        return Unknown(message)
    if reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and route.style == "rpc":  # no run's files are in it
        return TryAgain(message, hint="a proxy on the way takes no calls of this size")
    if reply.status == HTTPStatus.BAD_REQUEST:
        text = reply.body[:2000].decode(errors="replace")
        return _error(classify.reaction_to_bad_input(text), message)
    return route_error(message, reply.status, reply.document().get("error"), reply.pause)


def route_error(message: str, status: int, error: object, retry_after: float | None = None) -> StoreError:
    """The error for the `error` member of an answer, or for the failure of a batch entry."""
    tags = tags_of(error)
    said = message if not tags or tags[-1] in message else f"{message} {printable('/'.join(tags))}"
    if tags[-1:] == ("missing_scope",) and isinstance(error, dict):
        scope = printable(str(error.get("required_scope")), 60)
        return _error(classify.missing_scope(scope), said)
    reaction = classify.reaction_to(status, tags)
    if reaction.family is classify.WrongOffset:
        return _wrong_offset(said, error)
    return _error(reaction, said, retry_after)


def _wrong_offset(message: str, error: object) -> StoreError:
    for level in levels(error):
        offset = level.get("correct_offset")
        if isinstance(offset, int) and offset >= 0:
            return classify.WrongOffset(message, offset)
    return classify.SessionGone(f"{message} without the correct one")


def _error(reaction: classify.Reaction, message: str, retry_after: float | None = None) -> StoreError:
    hint = reaction.hint or None
    if issubclass(reaction.family, TryAgain):
        return reaction.family(message, retry_after=retry_after, hint=hint)
    return reaction.family(message, hint=hint)
