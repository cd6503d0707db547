"""What the emulator refuses, and in which words: one row per rule."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from emulator_caller import Caller

UPLOAD = "/2/files/upload"
LIST = "/2/files/list_folder"
OCTETS = {"Content-Type": "application/octet-stream"}
JSON = {"Content-Type": "application/json"}
AUTH = {"Authorization": "Bearer TOKEN"}
ARG = {"Dropbox-API-Arg": '{"path":"/a"}'}
CREATED = {**AUTH, **OCTETS}


@pytest.mark.options(token="TOKEN")
@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "text"),
    [
        ("POST", LIST, JSON, b"{}", 400, 'Must provide HTTP header "Authorization"'),
        ("POST", LIST, {**JSON, "Authorization": "Basic x"}, b"{}", 400, "Invalid authorization value"),
        ("POST", LIST, {**JSON, "Authorization": "Bearer"}, b"{}", 400, "Invalid authorization value"),
        ("POST", LIST, {**JSON, "Authorization": "Bearer a b"}, b"{}", 400, "token is malformed"),
        ("POST", LIST, {**JSON, "Authorization": "Bearer other"}, b"{}", 401, "invalid_access_token/"),
        ("POST", "/2/files/nothing", {**AUTH, **JSON}, b"{}", 404, "Unknown API function"),
        ("POST", LIST, {**AUTH, **JSON, "Host": "content.dropboxapi.com"}, b"{}", 404, "Unknown API function"),
        ("POST", UPLOAD, {**CREATED, **ARG, "Host": "api.dropboxapi.com"}, b"", 404, "Unknown API function"),
        ("GET", LIST, AUTH, None, 405, "GET"),
        ("POST", LIST, {**AUTH, "Content-Type": "text/plain"}, b"{}", 400, 'Bad HTTP "Content-Type"'),
        ("POST", LIST, AUTH, b"{}", 400, 'Bad HTTP "Content-Type"'),
        ("POST", LIST, {**AUTH, **JSON}, b"{", 400, "request body: could not decode input as JSON"),
        ("POST", LIST, {**AUTH, **JSON}, b"\xff", 400, "could not decode input as UTF-8"),
        ("POST", LIST, {**AUTH, **JSON}, b"", 400, "request body: could not decode input as JSON"),
        ("POST", LIST, {**AUTH, **JSON}, b"{}", 400, "request body: missing required field 'path'"),
        ("POST", LIST, {**AUTH, **JSON}, b'{"path":"","x":1}', 400, "request body: unknown field 'x'"),
        ("POST", LIST, {**AUTH, **JSON}, b'{"path":"/"}', 400, "Specify the root folder as an empty string"),
        ("POST", LIST, {**AUTH, **JSON}, b'{"path":"a"}', 400, "path: 'a' did not match pattern"),
        ("POST", LIST, {**AUTH, **JSON}, b'{"path":"","limit":2001}', 400, "limit: 2001 is not within range"),
        ("POST", LIST, {**AUTH, **JSON}, b'{"path":"/none"}', 409, "path/not_found/"),
        ("POST", LIST + "/continue", {**AUTH, **JSON}, b'{"cursor":"x"}', 400, 'Invalid "cursor" parameter'),
        ("POST", "/2/files/get_metadata", {**AUTH, **JSON}, b'{"path":""}', 400, "did not match pattern"),
        ("POST", "/2/files/get_metadata", {**AUTH, **JSON}, b'{"path":"/"}', 400, "root folder is unsupported"),
        ("POST", "/2/files/get_metadata", {**AUTH, **JSON}, b'{"path":"ns:1234567890"}', 400, "root folder is"),
        ("POST", "/2/files/get_metadata", {**AUTH, **JSON}, b'{"path":"/a/"}', 409, "path/malformed_path/"),
        ("POST", UPLOAD, {**CREATED, **ARG, "Content-Type": "application/json"}, b"", 400, "Bad HTTP"),
        (
            "POST",
            UPLOAD,
            {**CREATED, **ARG, "Content-Type": "application/octet-stream; charset=utf-8"},
            b"",
            400,
            "Bad",
        ),
        ("POST", UPLOAD, {**AUTH, **ARG}, b"", 400, 'Bad HTTP "Content-Type"'),
        ("POST", UPLOAD, CREATED, b"", 400, 'Must provide HTTP header "Dropbox-API-Arg"'),
        ("POST", UPLOAD + "?arg=%7B%7D", {**CREATED, **ARG}, b"", 400, "and not both"),
        ("POST", UPLOAD + "?arg=%7B%7D", CREATED, b"", 400, 'URL parameter "arg": missing required field'),
        ("POST", UPLOAD, {**CREATED, "Dropbox-API-Arg": '{"path":"/é"}'}, b"", 400, "must be ASCII"),
        ("POST", UPLOAD, {**CREATED, "Dropbox-API-Arg": "nope"}, b"", 400, 'HTTP header "Dropbox-API-Arg": could'),
        ("POST", UPLOAD, {**CREATED, "Dropbox-API-Arg": '{"path":"/"}'}, b"", 409, "path/malformed_path/"),
        ("POST", UPLOAD, {**CREATED, "Dropbox-API-Arg": r'{"path":"/a\u0000"}'}, b"", 400, "not valid text"),
        ("POST", "/2/files/download", {**AUTH, **ARG, **OCTETS}, None, 400, "Expecting none"),
        ("POST", "/2/files/download", {**AUTH, **ARG}, None, 409, "path/not_found/"),
        ("GET", "/2/files/download?arg=%7B%22path%22%3A%22%2Fa%22%7D", AUTH, None, 409, "path/not_found/"),
        ("POST", "/2/users/get_space_usage", {**AUTH, **JSON}, b"{}", 400, "expected null"),
        ("POST", "/2/users/get_space_usage", {**AUTH, **JSON}, b"null", 200, '"used": 0'),
        ("POST", "/2/users/get_space_usage", AUTH, None, 200, '"used": 0'),
        (
            "POST",
            "/2/files/upload_session/finish_batch/check",
            {**AUTH, **JSON},
            b'{"async_job_id":"x"}',
            409,
            "invalid_async_job_id/",
        ),
        (
            "POST",
            "/2/files/upload_session/finish_batch_v2",
            {**AUTH, **JSON},
            b'{"entries":[]}',
            400,
            "at least one",
        ),
        ("POST", LIST, {**AUTH, **JSON, "Dropbox-API-Select-User": "x"}, b'{"path":""}', 400, "Select-User"),
        ("POST", LIST, {**AUTH, **JSON, "Dropbox-API-Path-Root": "x"}, b'{"path":""}', 400, "Path-Root"),
        (
            "POST",
            LIST,
            {**AUTH, **JSON, "Dropbox-API-Path-Root": '{".tag":"root","root":"7"}'},
            b'{"path":""}',
            422,
            "invalid_root/",
        ),
        (
            "POST",
            LIST,
            {**AUTH, **JSON, "Dropbox-API-Path-Root": '{".tag":"root","root":"1234567890"}'},
            b'{"path":""}',
            200,
            '"entries": []',
        ),
    ],
)
async def test_a_request_is_judged(
    caller: Caller, *, method: str, path: str, headers: Any, body: Any, status: int, text: str
) -> None:
    answer = await caller.send(method, path, body, headers)

    assert (answer.status, text in answer.text) == (status, True), answer.text
    assert_dressed_like_dropbox(answer.status, answer.headers)


def assert_dressed_like_dropbox(status: int, headers: dict[str, str]) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", headers["X-Dropbox-Request-Id"])
    expected = {200: "application/json", 400: "text/plain; charset=utf-8", 409: "application/json"}
    assert headers["Content-Type"] == expected.get(status, headers["Content-Type"])
    assert ("WWW-Authenticate" in headers) is (status == 401)
    assert (headers.get("Content-Security-Policy") == "sandbox") is (status >= 400)


async def test_texts_name_the_function_by_its_version(caller: Caller) -> None:
    answer = await caller.upload("files/upload_session/append_v2", {})

    assert answer.text == (
        'Error in call to API function "files/upload_session/append:2": '
        "HTTP header \"Dropbox-API-Arg\": missing required field 'cursor'"
    )


async def test_a_token_without_the_scope_is_told_which(caller: Caller) -> None:
    token = caller.emulator.issue_token(frozenset({"files.metadata.read"}))
    headers = {**CREATED, **ARG, "Authorization": f"Bearer {token}"}

    answer = await caller.send("POST", UPLOAD, b"", headers)

    assert (answer.status, answer.error) == (
        401,
        {".tag": "missing_scope", "required_scope": "files.content.write"},
    )


@pytest.mark.options(app_scopes=frozenset({"files.content.write"}))
async def test_an_app_without_the_scope_is_told_in_text(caller: Caller) -> None:
    answer = await caller.rpc("files/list_folder", {"path": ""})

    assert (answer.status, "required scope 'files.metadata.read'" in answer.text) == (400, True)


@pytest.mark.options(chunked_bodies=False)
async def test_a_body_without_a_length_is_refused(caller: Caller) -> None:
    answer = await caller.send("POST", UPLOAD, chunks(), {**caller.authorisation, **OCTETS, **ARG})

    assert (answer.status, "needs a Content-Length" in answer.text) == (400, True)


@pytest.mark.options(chunked_bodies=True)
async def test_a_body_without_a_length_can_be_taken(caller: Caller) -> None:
    answer = await caller.send("POST", UPLOAD, chunks(), {**caller.authorisation, **OCTETS, **ARG})

    assert (answer.status, answer.value["size"]) == (200, 6)


async def test_a_body_above_150_mib_is_too_large(caller: Caller) -> None:
    body = bytes(150 * 1024 * 1024 + 1)

    answer = await caller.upload("files/upload", {"path": "/a"}, body)

    assert (answer.status, answer.error, caller.emulator.tree()) == (409, {".tag": "payload_too_large"}, {})


async def test_an_append_batch_of_500_entries_fits_the_header(caller: Caller) -> None:
    ids = (await caller.rpc("files/upload_session/start_batch", {"num_sessions": 500})).value["session_ids"]
    entries = [{"cursor": {"session_id": each, "offset": 0}, "length": 1, "close": True} for each in ids]

    answer = await caller.upload("files/upload_session/append_batch", {"entries": entries}, bytes(500))

    assert answer.value == {"entries": [{".tag": "success"}] * 500}


@pytest.mark.options(header_bytes=8190)
async def test_the_header_can_be_made_short(caller: Caller) -> None:
    answer = await caller.upload("files/upload", {"path": "/" + "x" * 8200})

    assert answer.status == 400


@pytest.mark.options(calls_per_second=2.0, clock=lambda: 1000.0)
async def test_too_many_calls_are_told_when_to_come_back(caller: Caller) -> None:
    answers = [await caller.rpc("files/list_folder", {"path": ""}) for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert [answer.headers["Retry-After"] for answer in answers[2:]] == ["1", "2"]
    assert answers[2].error == {"reason": {".tag": "too_many_requests"}}
    assert answers[3].headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_summaries_end_in_a_changing_number_of_dots(caller: Caller) -> None:
    summaries = {
        (await caller.rpc("files/get_metadata", {"path": "/none"})).value["error_summary"] for _ in range(40)
    }

    assert summaries == {f"path/not_found/{'.' * dots}" for dots in range(4)}


async def test_calls_are_logged_with_what_they_name(caller: Caller) -> None:
    await caller.put("/a", b"1234")
    await caller.rpc("files/copy_v2", {"from_path": "/a", "to_path": "/b"})

    log = [(call.number, call.route, call.status, call.received, call.paths) for call in caller.emulator.calls]
    assert log == [
        (1, "files/upload", 200, 4, ("/a",)),
        (2, "files/copy_v2", 200, len(json.dumps({"from_path": "/a", "to_path": "/b"})), ("/a", "/b")),
    ]


async def chunks():
    yield b"abc"
    yield b"def"
