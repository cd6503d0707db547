"""Every way in which a call can be spoiled: what a network, a proxy or a server in trouble does, and each error
that the API's own description has for the call's route.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dropbox import files
from stone.backends.python_rsrc import stone_validators as validators

from huracan_spool.emulator import Fault

TOKEN = "oauth2/token"

# Every kind of call that the daemon makes.
ROUTES = (
    TOKEN,
    "files/upload_session/start_batch",
    "files/upload_session/append_batch",
    "files/upload_session/append_v2",
    "files/upload_session/finish_batch_v2",
    "files/list_folder",
    "files/list_folder/continue",
    "files/get_metadata",
    "files/download",
    "files/move_batch_v2",
    "files/move_batch/check_v2",
    "files/copy_batch_v2",
    "files/copy_batch/check_v2",
)

# What no repetition can mend, so a run that meets it may be put aside.
REFUSING = {
    "malformed_path",
    "disallowed_name",
    "conflict/folder",
    "conflict/file_ancestor",
    "too_large",
    "payload_too_large",
    "unsupported_content_type",
    "cant_move_folder_into_itself",
    "too_many_files",
    "template_error",
    "unsupported_file",
}

_ENTRY_ERRORS = {
    "files/upload_session/append_batch": "UploadSessionAppendBatchEntryError",
    "files/upload_session/finish_batch_v2": "UploadSessionFinishError",
    "files/move_batch_v2": "RelocationBatchErrorEntry",
    "files/copy_batch_v2": "RelocationBatchErrorEntry",
}


@dataclass(frozen=True)
class Spoiling:
    """`of` is its class; `may_refuse` says that a run may be put into quarantine for it."""

    of: str
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    may_refuse: bool = False

    def fault(self, route: str, call: int, times: int | None) -> Fault:
        return Fault(route=route, call=call, times=times, **self.fields)


def _spoiling(of: str, name: str, kind: str, *, may_refuse: bool = False, **fields: Any) -> Spoiling:
    return Spoiling(of, name, {"kind": kind, **fields}, may_refuse)


def _connections() -> Iterator[Spoiling]:
    yield _spoiling("refused", "connection refused", "refuse")
    yield _spoiling("reset", "reset in the body", "reset_mid_body", after_bytes=10)
    yield _spoiling("reset", "reset before the effect", "reset_before")
    yield _spoiling("lost reply", "reset after the effect", "reset_after")
    yield _spoiling("stall", "silence before the effect", "hold")
    yield _spoiling("stall", "silence after the effect", "hold", after_effect=True)


def _strange_answers() -> Iterator[Spoiling]:
    yield _spoiling("garbage", "a page", "html")
    yield _spoiling("garbage", "a page after the effect", "html", after_effect=True)
    yield _spoiling("garbage", "another document", "wrong_json")
    yield _spoiling("garbage", "another document after the effect", "wrong_json", after_effect=True)
    for name, body in {
        "noise": "\x00\x7f{",
        "nothing": "",
        "null": "null",
        "a list": "[1]",
        "depth": "[" * 9999,
    }.items():
        yield _spoiling("garbage", name, "reply", status=200, content_type="application/json", body=body)
    yield _spoiling("truncated", "broken off at once", "truncate", after_bytes=0)
    yield _spoiling("truncated", "broken off after 20 bytes", "truncate", after_bytes=20)
    yield _spoiling("content type", "declared as text", "wrong_content_type", content_type="text/plain")
    yield _spoiling("redirect", "a portal", "reply", status=302, headers={"Location": "https://example.org/"})


def _refusals() -> Iterator[Spoiling]:
    for tag in ("expired_access_token", "invalid_access_token"):
        yield _spoiling("401 token", tag, "auth", tag=tag)
    for tag in ("missing_scope", "user_suspended", "route_access_denied", "other", "brand_new"):
        yield _spoiling("401 other", tag, "auth", tag=tag)
    for tag in ("team_access_denied", "no_permission", "invalid_account_type", "other", "brand_new"):
        yield _spoiling("403", tag, "access", tag=tag)
    feature = {".tag": "invalid_account_type", "invalid_account_type": {".tag": "feature"}}
    yield _spoiling("403", "invalid_account_type/feature", "access", error=feature)
    yield _spoiling("400", "about the call", "bad_request", body='request body: "path": bad', may_refuse=True)
    yield _spoiling("400", "about nothing known", "bad_request", may_refuse=True)
    yield _spoiling("400", "about the token", "bad_request", body="The given OAuth 2 access token is malformed.")
    yield _spoiling("404", "no such route", "reply", status=404, content_type="text/plain", body="Not found")
    yield _spoiling("413", "too large", "reply", status=413, body="<html>413</html>", may_refuse=True)
    root = '{"error_summary": "invalid_root/", "error": {".tag": "invalid_root"}}'
    yield _spoiling("422", "path root", "reply", status=422, content_type="application/json", body=root)


def _troubles() -> Iterator[Spoiling]:
    for seconds in (1, 300):
        for form in ("header", "json", "text"):
            reason = "too_many_requests" if form == "text" else "too_many_write_operations"
            name = f"again in {seconds} s, {form}"
            yield _spoiling("429", name, "rate_limit", tag=reason, retry_after=seconds, form=form)
    for status in (500, 502, 503):
        for form in ("empty", "html", "json"):
            yield _spoiling("5xx", f"{status} {form}", "server_error", status=status, form=form)
        yield _spoiling("5xx", f"{status} after the effect", "server_error", status=status, after_effect=True)


def _route_errors(route: str) -> Iterator[Spoiling]:
    if route == TOKEN:
        for code in ("invalid_grant", "invalid_client", "temporarily_unavailable"):
            body = f'{{"error": "{code}"}}'
            yield _spoiling("409", code, "reply", status=400, content_type="application/json", body=body)
        return
    for path, error in errors_in(_declared(route)):
        yield _spoiling("409", path, "error", error=error, may_refuse=refuses(path))
    yield _spoiling("409 unknown", "brand_new", "error", tag="brand_new")


def _entry_errors(route: str) -> Iterator[Spoiling]:
    if route not in _ENTRY_ERRORS:
        return
    union = getattr(files, _ENTRY_ERRORS[route])
    for path, error in (*errors_in(union), ("brand_new", {".tag": "brand_new"})):
        fields = {"entries": {0: error}}
        yield _spoiling("entry", f"first entry {path}", "entries", **fields, may_refuse=refuses(path))
    lost = {".tag": "too_many_write_operations"}
    yield _spoiling("entry", "first entry done and denied", "entries", entries={0: lost}, after_effect=True)


def spoilings(route: str) -> list[Spoiling]:
    """All that can happen to a call of this route."""
    common = (*_connections(), *_strange_answers(), *_refusals(), *_troubles())
    return [*common, *_route_errors(route), *_entry_errors(route)]


def refuses(path: str) -> bool:
    return any(path == tag or path.endswith(f"/{tag}") for tag in REFUSING)


def _declared(route: str) -> Any:
    name, _, version = route.removeprefix("files/").partition("_v")
    declared = files.ROUTES[f"{name}:{version}" if version else name]
    return getattr(declared.error_type, "definition", None)


def errors_in(union: Any) -> Iterator[tuple[str, Any]]:
    """Every error of a union in wire form, by its tags from the outside in."""
    for tag, validator in sorted(getattr(union, "_tagmap", {}).items()):
        inner = validator.validator if isinstance(validator, validators.Nullable) else validator
        if isinstance(inner, validators.Union):
            for path, error in errors_in(inner.definition):
                yield f"{tag}/{path}", {".tag": tag, tag: error}
        elif tag == "incorrect_offset":
            yield tag, {".tag": tag, "correct_offset": 7}
        elif tag not in {"success", "complete", "async_job_id"}:
            yield tag, {".tag": tag}
