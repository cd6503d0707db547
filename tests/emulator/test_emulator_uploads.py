"""Upload routes as a client sees them."""

from __future__ import annotations

import pytest
from emulator_caller import Caller

from huracan_spool.emulator.content_hash import BLOCK_BYTES, EMPTY_HASH, hash_of

TIME = "2026-01-02T03:04:05Z"


def cursor(session_id: str, offset: int) -> dict[str, object]:
    return {"session_id": session_id, "offset": offset}


def entry(session_id: str, offset: int, path: str, **more: object) -> dict[str, object]:
    return {"cursor": cursor(session_id, offset), "commit": {"path": path}, **more}


async def test_an_upload_answers_with_file_metadata(caller: Caller) -> None:
    value = await caller.put("/Runs/A.txt", b"Hello Dropbox!", client_modified=TIME)

    assert {name: value[name] for name in ("name", "path_lower", "path_display", "size", "client_modified")} == {
        "name": "A.txt",
        "path_lower": "/runs/a.txt",
        "path_display": "/Runs/A.txt",
        "size": 14,
        "client_modified": TIME,
    }
    assert value["content_hash"] == hash_of(b"Hello Dropbox!")
    assert ".tag" not in value
    view = caller.emulator.tree()["/Runs/A.txt"]
    assert (view.read(), view.id, view.client_modified.isoformat()) == (
        b"Hello Dropbox!",
        value["id"],
        "2026-01-02T03:04:05+00:00",
    )


async def test_a_refused_upload_can_be_committed_elsewhere_without_its_bytes(caller: Caller) -> None:
    await caller.put("/a", b"old")
    refused = (await caller.upload("files/upload", {"path": "/a"}, b"new")).error

    answer = await caller.upload("files/upload_session/finish", entry(refused["upload_session_id"], 3, "/b"))

    assert refused["reason"] == {".tag": "conflict", "conflict": {".tag": "file"}}
    assert answer.value["content_hash"] == hash_of(b"new")


@pytest.mark.parametrize("route", ["files/upload", "files/upload_session/start"])
async def test_a_wrong_hash_commits_nothing(caller: Caller, route: str) -> None:
    arg = {"content_hash": "0" * 64, **({"path": "/a"} if route == "files/upload" else {})}

    answer = await caller.upload(route, arg, b"x")

    assert (answer.error, caller.emulator.writes) == ({".tag": "content_hash_mismatch"}, [])


async def test_a_wrong_hash_leaves_the_offset_where_it_was(caller: Caller) -> None:
    session = await caller.started()
    arg = {"cursor": cursor(session, 0), "close": True}

    wrong = await caller.upload("files/upload_session/append_v2", {**arg, "content_hash": "0" * 64}, b"abc")
    right = await caller.upload("files/upload_session/append_v2", {**arg, "content_hash": hash_of(b"abc")}, b"abc")

    assert (wrong.error, right.text) == ({".tag": "content_hash_mismatch"}, "null")


async def test_a_finish_whose_path_is_refused_keeps_its_bytes(caller: Caller) -> None:
    session = await caller.started()
    refused = await caller.upload("files/upload_session/finish", entry(session, 0, "/x/desktop.ini"), b"abc")

    again = await caller.upload("files/upload_session/finish", entry(session, 0, "/x/y"), b"abc")
    moved_on = await caller.upload("files/upload_session/finish", entry(session, 3, "/x/y"))

    assert refused.error == {".tag": "path", "path": {".tag": "disallowed_name"}}
    assert again.error["lookup_failed"] == {".tag": "incorrect_offset", "correct_offset": 3}
    assert moved_on.value["size"] == 3


@pytest.mark.parametrize(
    ("arg", "body", "tag"),
    [
        ({"session_type": {".tag": "concurrent"}}, b"x", "concurrent_session_data_not_allowed"),
        ({"session_type": "concurrent", "close": True}, b"", "concurrent_session_close_not_allowed"),
    ],
)
async def test_a_concurrent_session_starts_empty_and_open(
    caller: Caller, arg: object, body: bytes, tag: str
) -> None:
    assert (await caller.upload("files/upload_session/start", arg, body)).error == {".tag": tag}


async def test_a_concurrent_session_by_append_batch(caller: Caller) -> None:
    session = await caller.started(session_type="concurrent")
    block = bytes(BLOCK_BYTES)
    entries = [
        {"cursor": cursor(session, BLOCK_BYTES), "length": BLOCK_BYTES},
        {"cursor": cursor(session, 0), "length": BLOCK_BYTES},
        {"cursor": cursor(session, 2 * BLOCK_BYTES), "length": 3, "close": True},
    ]
    body = block + block + b"end"

    appended = await caller.upload(
        "files/upload_session/append_batch", {"entries": entries, "content_hash": hash_of(body)}, body
    )
    finished = await caller.upload("files/upload_session/finish", entry(session, len(body), "/a"))

    assert appended.value["entries"] == [{".tag": "success"}] * 3
    assert finished.value["content_hash"] == hash_of(body)


async def test_entries_of_an_append_batch_fail_by_themselves(caller: Caller) -> None:
    good, ahead = await caller.started(), await caller.started()
    entries = [
        {"cursor": cursor(good, 0), "length": 2},
        {"cursor": cursor(ahead, 7), "length": 2},
        {"cursor": cursor("unknown", 0), "length": 1},
        {"cursor": cursor(good, 2), "length": 1, "close": True},
        {"cursor": cursor(good, 3), "length": 0},
    ]

    answer = await caller.upload("files/upload_session/append_batch", {"entries": entries}, b"abcde" + b"f")

    assert answer.value["entries"] == [
        {".tag": "success"},
        {".tag": "failure", "failure": {".tag": "incorrect_offset", "correct_offset": 0}},
        {".tag": "failure", "failure": {".tag": "not_found"}},
        {".tag": "success"},
        {".tag": "failure", "failure": {".tag": "closed"}},
    ]


@pytest.mark.parametrize(
    ("extra", "body", "tag"),
    [({}, b"ab", "length_mismatch"), ({"content_hash": "0" * 64}, b"abc", "content_hash_mismatch")],
)
async def test_an_append_batch_that_fails_whole_stores_nothing(
    caller: Caller, extra: dict[str, str], body: bytes, tag: str
) -> None:
    session = await caller.started()
    one = {"cursor": cursor(session, 0), "length": 3, "close": True}

    failed = await caller.upload("files/upload_session/append_batch", {"entries": [one], **extra}, body)
    repeated = await caller.upload("files/upload_session/append_batch", {"entries": [one]}, b"abc")

    assert (failed.error, repeated.value) == ({".tag": tag}, {"entries": [{".tag": "success"}]})


async def test_a_finish_batch_commits_entry_by_entry(caller: Caller) -> None:
    closed, unclosed = await caller.started(close=True), await caller.started()
    entries = [entry(closed, 0, "/a"), entry(unclosed, 0, "/b"), entry(closed, 0, "/c"), entry("x", 0, "/d")]

    answer = await caller.rpc("files/upload_session/finish_batch_v2", {"entries": entries})

    success, *failures = answer.value["entries"]
    assert (success[".tag"], success["path_display"], success["content_hash"]) == ("success", "/a", EMPTY_HASH)
    assert [each["failure"]["lookup_failed"][".tag"] for each in failures] == [
        "not_closed",
        "not_found",
        "not_found",
    ]
    assert [(write.op, write.path) for write in caller.emulator.writes] == [("add", "/a")]


@pytest.mark.options(finished_session="replayed")
async def test_a_repeated_finish_can_be_a_success(caller: Caller) -> None:
    batch = {"entries": [entry(await caller.started(close=True), 0, "/a")]}
    answers = [await caller.rpc("files/upload_session/finish_batch_v2", batch) for _ in range(2)]

    assert answers[0].value == answers[1].value
    assert len(caller.emulator.writes) == 1


@pytest.mark.parametrize(
    ("profile", "result"),
    [
        pytest.param("checked", "failure", marks=pytest.mark.options(batch_entry_hash="checked")),
        pytest.param("ignored", "success", marks=pytest.mark.options(batch_entry_hash="ignored")),
    ],
)
async def test_a_hash_in_a_finish_batch_speaks_of_its_empty_body(caller: Caller, profile: str, result: str) -> None:
    session = await caller.started(close=True)
    batch = {"entries": [entry(session, 0, "/a", content_hash="0" * 64)]}

    answer = await caller.rpc("files/upload_session/finish_batch_v2", batch)

    assert (profile, answer.value["entries"][0][".tag"]) == (profile, result)


async def test_the_first_finish_batch_is_a_job_and_jobs_must_not_overlap(caller: Caller) -> None:
    batches = [{"entries": [entry(await caller.started(close=True), 0, path)]} for path in ("/a", "/b")]
    jobs = [(await caller.rpc("files/upload_session/finish_batch", batch)).value for batch in batches]

    polls = [
        (await caller.rpc("files/upload_session/finish_batch/check", {"async_job_id": job["async_job_id"]})).value
        for job in (jobs[0], jobs[0], jobs[1], jobs[1])
    ]

    assert [poll[".tag"] for poll in polls] == ["in_progress", "complete", "in_progress", "complete"]
    assert polls[1]["entries"][0][".tag"] == "success"
    assert polls[3]["entries"][0]["failure"] == {".tag": "too_many_write_operations"}


@pytest.mark.options(quota_bytes=10)
async def test_a_full_account_refuses_at_the_commit(caller: Caller) -> None:
    session = await caller.started()
    answer = await caller.upload("files/upload_session/finish", entry(session, 0, "/a"), bytes(11))

    assert answer.error == {".tag": "path", "path": {".tag": "insufficient_space"}}


async def test_a_session_outlives_the_token_that_began_it(caller: Caller) -> None:
    session = await caller.started(close=True)
    caller.emulator.expire_tokens()
    headers = {"Authorization": f"Bearer {caller.emulator.issue_token()}", "Content-Type": "application/json"}

    body = b'{"entries":[{"cursor":{"session_id":"%s","offset":0},"commit":{"path":"/a"}}]}' % session.encode()
    answer = await caller.send("POST", "/2/files/upload_session/finish_batch_v2", body, headers)

    assert answer.value["entries"][0][".tag"] == "success"


async def test_the_first_append_takes_a_bare_cursor(caller: Caller) -> None:
    session = await caller.started()
    await caller.upload("files/upload_session/append", cursor(session, 0), b"abc")
    finished = await caller.upload("files/upload_session/finish", entry(session, 3, "/a"))

    assert finished.value["size"] == 3


async def test_the_argument_may_be_in_the_url(caller: Caller) -> None:
    headers = {**caller.authorisation, "Content-Type": "application/octet-stream"}
    answer = await caller.send("POST", "/2/files/upload?arg=%7B%22path%22%3A%22%2F%C3%A9%22%7D", b"x", headers)

    assert answer.value["path_display"] == "/\u00e9"
