from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from dropbox import files
from dropbox.stone_serializers import json_decode

from huracan_spool.errors import NeedsPerson, Refused, StoreError, TryAgain, Unknown, Unreachable
from huracan_spool.stores.dropbox import routes, wire
from huracan_spool.stores.dropbox.classify import Conflict, SessionGone, TooBig
from huracan_spool.stores.dropbox.entries import CommitEntry, Cursor, MoveEntry, Piece, RemoteFile
from huracan_spool.stores.dropbox.reply import Reply

HASH = "ab" * 32
METADATA = {
    "name": "Model.pt",
    "path_lower": "/runs/r1/model.pt",
    "path_display": "/runs/r1/Model.pt",
    "id": "id:AbCdEfGhIjKlMnOpQrStUv",
    "client_modified": "2026-08-20T10:15:30Z",
    "server_modified": "2026-08-20T10:15:31Z",
    "rev": "5bab4b3222c52043720ae",
    "size": 7340032,
    "is_downloadable": True,
    "content_hash": HASH,
}
FILE = RemoteFile(
    path="/runs/r1/Model.pt",
    id="id:AbCdEfGhIjKlMnOpQrStUv",
    rev="5bab4b3222c52043720ae",
    size=7340032,
    content_hash=HASH,
    server_modified=datetime(2026, 8, 20, 10, 15, 31, tzinfo=UTC),
)


def reply(status: int, body: object, **headers: str) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def error_of(route: wire.Route, answer: Reply) -> Any:
    try:
        wire.decode(route, answer)
    except StoreError as error:
        return error
    raise AssertionError("a success")


def test_an_rpc_call_has_its_argument_in_the_body():
    request = wire.encode(routes.GET_METADATA, {"path": "/Huracán"})

    assert request.host == "api"
    assert request.path == "/2/files/get_metadata"
    assert request.headers == {"Content-Type": "application/json"}
    assert json.loads(request.body or b"")["path"] == "/Huracán"


def test_an_upload_call_has_its_argument_in_a_header_and_leaves_the_body_to_the_caller():
    arg = {"cursor": Cursor("pid_upload_session:x", 0).to_json(), "close": True, "content_hash": HASH}
    request = wire.encode(routes.APPEND, arg)

    assert request.host == "content"
    assert request.path == "/2/files/upload_session/append_v2"
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert json.loads(request.headers["Dropbox-API-Arg"]) == arg
    assert request.body is None


@pytest.mark.parametrize("name", ["Huracán", "漢字", "\U0001f300", "a\x7fb", 'quote"back\\slash'])
def test_a_header_argument_is_ascii_and_comes_back_whole(name):
    header = wire.encode(routes.DOWNLOAD, {"path": f"/{name}"}).headers["Dropbox-API-Arg"]

    assert header.isascii()
    assert header.isprintable()
    assert json.loads(header)["path"] == f"/{name}"


def test_a_download_sends_no_content_type():
    request = wire.encode(routes.DOWNLOAD, {"path": "id:AbCdEfGhIjKlMnOpQrStUv"})

    assert request.host == "content"
    assert set(request.headers) == {"Dropbox-API-Arg"}
    assert request.body == b""


@pytest.mark.parametrize(
    ("route", "path"),
    [
        (routes.START_BATCH, "files/upload_session/start_batch"),
        (routes.START, "files/upload_session/start"),
        (routes.APPEND_BATCH, "files/upload_session/append_batch"),
        (routes.FINISH_BATCH, "files/upload_session/finish_batch_v2"),
        (routes.LIST_FOLDER_CONTINUE, "files/list_folder/continue"),
        (routes.COPY_BATCH, "files/copy_batch_v2"),
        (routes.MOVE_BATCH, "files/move_batch_v2"),
        (routes.MOVE_BATCH_CHECK, "files/move_batch/check_v2"),
    ],
)
def test_the_version_follows_the_whole_name(route, path):
    assert route.name == path


def test_a_commit_adds_without_replacing_or_renaming_and_keeps_the_time_in_utc():
    trained = datetime.fromisoformat("2025-11-12T17:49:20.5+01:00")
    entry = CommitEntry("pid_upload_session:x", 7, "/Huracán/model.bin", trained)

    request = wire.encode(routes.FINISH_BATCH, {"entries": [entry.to_json()]})

    decoded = json_decode(routes.FINISH_BATCH.stone.arg_type, (request.body or b"").decode())
    finish = decoded.entries[0]
    assert (finish.cursor.session_id, finish.cursor.offset) == ("pid_upload_session:x", 7)
    assert finish.commit == files.CommitInfo(
        path="/Huracán/model.bin",
        mode=files.WriteMode.add,
        autorename=False,
        strict_conflict=False,
        mute=True,
        client_modified=datetime(2025, 11, 12, 16, 49, 20),  # noqa: DTZ001 - stone is naive
    )


@pytest.mark.parametrize(
    ("route", "arg"),
    [
        (routes.GET_METADATA, {"path": "no slash"}),
        (routes.APPEND, {"cursor": Cursor("x", -1).to_json(), "close": True}),
        (routes.APPEND_BATCH, {"entries": [Piece(Cursor("x", 0), 1, close=True).to_json()] * 501}),
        (routes.APPEND, {"cursor": Cursor("x", 0).to_json(), "content_hash": "short"}),
        (routes.MOVE_BATCH, {"entries": [MoveEntry("id:x", "nowhere").to_json()]}),
    ],
)
def test_an_argument_that_the_api_forbids_is_refused_before_it_is_sent(route, arg):
    with pytest.raises(Refused, match=route.name):
        wire.encode(route, arg)


def test_as_many_pieces_as_allowed_fit_into_a_header_line_of_eight_kilobytes():
    piece = Piece(Cursor("pid_upload_session:ABCDEFGHIJKLMNOPQRSTUV", 0), 7_340_032, close=True)
    arg = {"entries": [piece.to_json()] * routes.MOST_PIECES, "content_hash": HASH}

    header = wire.encode(routes.APPEND_BATCH, arg).headers["Dropbox-API-Arg"]

    assert len(f"Dropbox-API-Arg: {header}") <= 8190


@pytest.mark.parametrize("content_type", ["application/json", "text/javascript", "text/plain; charset=utf-8", ""])
def test_a_result_is_read_whatever_its_content_type(content_type):
    answer = reply(200, {"session_ids": ["a"]}, content_type=content_type)

    assert wire.decode(routes.START_BATCH, answer) == {"session_ids": ["a"]}


def test_null_is_the_result_of_an_append_and_of_nothing_else():
    assert wire.decode(routes.APPEND, reply(200, None)) is None
    assert isinstance(error_of(routes.APPEND, reply(200, {"welcome": "guest"})), Unreachable)
    assert isinstance(error_of(routes.GET_METADATA, reply(200, None)), Unreachable)


NO_RESULT = [b"<html>please log in</html>", b"", b'{"entries": [', b"OK", b'"text"', b"[" * 100_000, b"\xff\xfe"]


@pytest.mark.parametrize("body", NO_RESULT)
@pytest.mark.parametrize("route", [routes.APPEND, routes.START_BATCH, routes.LIST_FOLDER])
def test_a_portals_or_half_an_answer_is_never_a_success(route, body):
    error = error_of(route, reply(200, body))

    assert type(error) is Unreachable
    assert "answers in its place" in error.hint


@pytest.mark.parametrize("body", NO_RESULT)
@pytest.mark.parametrize("route", [routes.FINISH_BATCH, routes.MOVE_BATCH, routes.COPY_BATCH])
def test_an_unreadable_answer_to_what_can_not_be_repeated_is_unknown(route, body):
    assert type(error_of(route, reply(200, body))) is Unknown


@pytest.mark.parametrize("status", [302, 408, 418, 500, 502, 503])
def test_a_failure_that_may_hide_a_success_is_unknown_where_it_matters(status):
    assert type(error_of(routes.FINISH_BATCH, reply(status, b""))) is Unknown
    assert isinstance(error_of(routes.APPEND, reply(status, b"")), TryAgain)


@pytest.mark.parametrize(
    ("status", "family"),
    [(401, NeedsPerson), (403, NeedsPerson), (409, TryAgain), (413, TryAgain), (429, TryAgain)],
)
def test_a_refusal_of_what_can_not_be_repeated_is_certain(status, family):
    body = {"error": {".tag": "expired_access_token"}} if status == 401 else b""

    assert isinstance(error_of(routes.FINISH_BATCH, reply(status, body)), family)


def test_a_file_survives_fields_that_nobody_reads():
    raw = METADATA | {"sharing_info": {"other": True}, "export_info": 7, "brand_new": {".tag": "other"}}

    assert RemoteFile.from_json(raw) == FILE


@pytest.mark.parametrize("missing", ["id", "rev", "size", "server_modified"])
def test_a_file_without_what_is_read_is_an_error(missing):
    raw = {name: value for name, value in METADATA.items() if name != missing}

    with pytest.raises(ValueError, match=missing):
        RemoteFile.from_json(raw)


@pytest.mark.parametrize("raw", [None, "file", [], METADATA | {".tag": "folder"}, METADATA | {"size": "many"}])
def test_what_is_no_file_is_an_error(raw):
    with pytest.raises(ValueError, match=r"file|expected"):
        RemoteFile.from_json(raw)


def test_one_odd_entry_of_a_batch_never_hides_the_others():
    raws = [
        {".tag": "success"} | METADATA,
        {".tag": "failure", "failure": {".tag": "other"}},
        {".tag": "failure", "failure": {".tag": "path", "path": {".tag": "other"}}},
        {".tag": "failure", "failure": {".tag": "path", "path": {".tag": "brand_new"}}},
        {".tag": "brand_new"},
        {".tag": "success", "name": "half of it"},
        "other",
        None,
        {".tag": "failure"},
        {
            ".tag": "failure",
            "failure": {".tag": "path", "path": {".tag": "conflict", "conflict": {".tag": "file"}}},
        },
        {".tag": "failure", "failure": {".tag": "lookup_failed", "lookup_failed": {".tag": "not_found"}}},
    ]
    answer = wire.decode(routes.FINISH_BATCH, reply(200, {"entries": raws}))

    read = [
        wire.entry(routes.FINISH_BATCH, raw, RemoteFile.from_json)
        for raw in wire.entries(routes.FINISH_BATCH, answer, len(raws))
    ]

    assert read[0] == FILE
    assert [type(entry) for entry in read[1:]] == [
        TryAgain,
        TryAgain,
        TryAgain,
        Unknown,
        Unknown,
        Unknown,
        Unknown,
        TryAgain,
        Conflict,
        SessionGone,
    ]


@pytest.mark.parametrize("result", [{}, {"entries": None}, {"entries": []}, {"entries": [1, 2]}, None])
def test_a_batch_with_the_wrong_number_of_entries_tells_nothing(result):
    with pytest.raises(Unknown):
        wire.entries(routes.FINISH_BATCH, result, 1)


@pytest.mark.parametrize("size", [3, 5])
def test_a_download_that_is_not_the_whole_file_is_not_a_success(size):
    answer = reply(200, b"four", dropbox_api_result=json.dumps(METADATA | {"size": size}))

    with pytest.raises(Unreachable):
        wire.decode_download(routes.DOWNLOAD, answer, 10)


def test_a_download_without_its_result_is_somebody_elses_answer():
    with pytest.raises(Unreachable):
        wire.decode_download(routes.DOWNLOAD, reply(200, b"<html>"), 3)


def test_a_download_beyond_the_limit_is_too_big_however_much_of_it_was_read():
    answer = reply(200, b"four", dropbox_api_result=json.dumps(METADATA | {"size": 400}))

    with pytest.raises(TooBig):
        wire.decode_download(routes.DOWNLOAD, answer, 3)


def test_a_download_yields_the_bytes():
    answer = reply(200, b"four", dropbox_api_result=json.dumps(METADATA | {"size": 4}))

    assert wire.decode_download(routes.DOWNLOAD, answer, 4) == b"four"


def test_only_what_carries_bytes_can_be_too_large_for_good():
    """A commit of many runs may be too large for a proxy, which is no fault of one of them."""
    assert isinstance(error_of(routes.APPEND, reply(413, b"<html>413</html>")), Refused)
    assert isinstance(error_of(routes.FINISH_BATCH, reply(413, b"<html>413</html>")), TryAgain)
