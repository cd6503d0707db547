from __future__ import annotations

import json
from typing import Any

import pytest
from dropbox import auth, files
from dropbox.stone_serializers import json_encode

from huracan_spool.errors import NeedsPerson, StoreError
from huracan_spool.stores.dropbox import routes, wire
from huracan_spool.stores.dropbox.classify import HashMismatch, SessionGone, WrongOffset
from huracan_spool.stores.dropbox.entries import RemoteFile
from huracan_spool.stores.dropbox.reply import Reply


def reply(status: int, body: object, **headers: str) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def error_of(route: wire.Route, answer: Reply) -> Any:
    try:
        wire.decode(route, answer)
    except StoreError as error:
        return error
    raise AssertionError("a success")


def route_failure(union: Any, error: Any) -> Reply:
    encoded = json.loads(json_encode(union, error))
    summary = "/".join(str(encoded.get(".tag", "")).split()) + "/.."
    return reply(409, {"error_summary": summary, "error": encoded}, x_dropbox_request_id="f" * 32)


def test_an_incorrect_offset_carries_the_correct_one():
    union = files.UploadSessionAppendError
    offset = files.UploadSessionOffsetError(correct_offset=4194304)

    error = error_of(
        routes.APPEND, route_failure(files.UploadSessionAppendError_validator, union.incorrect_offset(offset))
    )

    assert isinstance(error, WrongOffset)
    assert error.correct_offset == 4194304


def test_the_correct_offset_is_found_inside_a_failed_look_up():
    failure = {".tag": "lookup_failed", "lookup_failed": {".tag": "incorrect_offset", "correct_offset": 9}}

    error = wire.entry(routes.FINISH_BATCH, {".tag": "failure", "failure": failure}, RemoteFile.from_json)

    assert isinstance(error, WrongOffset)
    assert error.correct_offset == 9


def test_an_incorrect_offset_without_the_correct_one_starts_the_file_over():
    answer = reply(409, {"error": {".tag": "incorrect_offset"}})

    assert isinstance(error_of(routes.APPEND, answer), SessionGone)


def test_the_struct_of_an_upload_error_is_flat_and_its_reason_is_found():
    body = {"error": {".tag": "path", "reason": {".tag": "conflict", "conflict": {".tag": "file"}}}}

    assert reply(409, body).tags == ("path", "conflict", "file")


def test_a_message_names_the_route_the_status_the_tags_and_the_request():
    answer = route_failure(
        files.UploadSessionAppendError_validator, files.UploadSessionAppendError.content_hash_mismatch
    )

    error = error_of(routes.APPEND, answer)

    assert isinstance(error, HashMismatch)
    assert str(error) == (f"files/upload_session/append_v2: 409 content_hash_mismatch (request {'f' * 32})")


def test_a_message_is_one_line_of_bounded_length_without_a_token():
    text = b'Invalid value in HTTP header "Authorization": "Bearer sl.SECRET-token"\n\x1b[2J' + b"x" * 5000

    message = str(error_of(routes.APPEND, reply(400, text)))

    assert "SECRET" not in message
    assert message.isprintable()
    assert len(message) < 450


def test_a_missing_scope_is_named_in_the_hint():
    error = auth.AuthError.missing_scope(auth.TokenScopeError(required_scope="files.content.read"))
    answer = reply(401, {"error": json.loads(json_encode(auth.AuthError_validator, error))})

    assert "files.content.read" in error_of(routes.DOWNLOAD, answer).hint


def test_a_user_message_is_passed_on():
    body = {
        "error_summary": "invalid_account_type/feature/",
        "error": {".tag": "invalid_account_type", "invalid_account_type": {".tag": "feature"}},
        "user_message": {"text": "Your team has used up its calls.", "locale": "en"},
    }

    error = error_of(routes.APPEND, reply(403, body))

    assert isinstance(error, NeedsPerson)
    assert "Your team has used up its calls." in str(error)


LOCK = {"error": {"reason": {".tag": "too_many_write_operations"}}}


@pytest.mark.parametrize(
    ("body", "headers", "pause"),
    [
        (LOCK, {"retry_after": "15"}, 15.0),
        (LOCK, {}, 1.0),
        ({"error": {"reason": {".tag": "too_many_requests"}, "retry_after": 300}}, {}, 300.0),
        ({"error": {"reason": {".tag": "too_many_requests"}}}, {}, 5.0),
        ({"error": {"reason": {".tag": "too_many_requests"}, "retry_after": 2}}, {"retry_after": "7"}, 7.0),
        (b"slow down", {}, 5.0),
        (b"slow down", {"retry_after": "0"}, 0.0),
        (b"slow down", {"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 5.0),
        (b"slow down", {"retry_after": "-5"}, 5.0),
        (b"slow down", {"retry_after": "nan"}, 5.0),
        (b"slow down", {"retry_after": "1e99"}, 3600.0),
        ({"error": "too_many_requests"}, {}, 5.0),
    ],
)
def test_a_rate_limit_says_how_long_by_header_then_json_then_custom(body, headers, pause):
    answer = reply(429, body, **headers)

    assert answer.pause == pause
    assert error_of(routes.APPEND, answer).retry_after == pause


def test_only_a_rate_limit_or_an_overloaded_server_asks_for_a_pause():
    assert reply(503, b"", retry_after="3").pause == 3.0
    assert reply(503, b"").pause is None
    assert reply(200, None, retry_after="3").pause is None
