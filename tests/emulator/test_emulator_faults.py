"""Each kind of fault does on the wire what it says, and to the account what it says."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiohttp
import pytest
from emulator_caller import Caller

from huracan_spool.emulator import Fault

UPLOAD = "files/upload"
HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
FEATURE = {".tag": "invalid_account_type", "invalid_account_type": {".tag": "feature"}}
FINISH = "files/upload_session/finish_batch_v2"


@pytest.mark.parametrize(
    ("fault", "received", "written"),
    [
        ({"kind": "refuse"}, 0, False),
        ({"kind": "reset_mid_body", "after_bytes": 1}, None, False),
        ({"kind": "reset_before"}, 1_000_000, False),
        ({"kind": "reset_after"}, 1_000_000, True),
        ({"kind": "truncate", "after_bytes": 5}, 1_000_000, True),
    ],
)
@pytest.mark.parametrize("face", ["http_url", "https_url"])
async def test_a_broken_connection(
    caller: Caller, fault: dict[str, Any], received: int | None, written: bool, face: str
) -> None:
    caller.emulator.faults.add(Fault(route=UPLOAD, **fault))

    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await upload_to(caller, getattr(caller.emulator, face))

    (call,) = caller.emulator.calls
    assert ("/a" in caller.emulator.tree()) is written
    assert call.faults == (fault["kind"],)
    assert received is None or call.received == received
    assert call.status == (200 if fault["kind"] == "truncate" else None)


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "text"),
    [
        ({"kind": "html"}, 200, HTML, "<!DOCTYPE html>"),
        ({"kind": "wrong_json"}, 200, JSON, '{"unexpected"'),
        ({"kind": "bad_request", "body": "no such field"}, 400, TEXT, "no such field"),
        ({"kind": "auth", "tag": "user_suspended"}, 401, JSON, '{".tag": "user_suspended"}'),
        ({"kind": "auth"}, 401, JSON, '{".tag": "other"}'),
        ({"kind": "access", "error": FEATURE}, 403, JSON, '"invalid_account_type/feature/'),
        ({"kind": "error", "tag": "brand_new"}, 409, JSON, '"error": {".tag": "brand_new"}'),
        ({"kind": "error", "error": {".tag": "path", "reason": {".tag": "other"}}}, 409, JSON, '"path/other/'),
        (
            {"kind": "rate_limit", "tag": "too_many_requests"},
            429,
            JSON,
            '{"reason": {".tag": "too_many_requests"}}',
        ),
        ({"kind": "rate_limit", "form": "json", "retry_after": 7}, 429, JSON, '"retry_after": 7'),
        ({"kind": "rate_limit", "form": "text"}, 429, TEXT, "slow down"),
        ({"kind": "server_error", "status": 503}, 503, TEXT, ""),
        ({"kind": "server_error", "form": "html"}, 500, HTML, "500 Server Error"),
        ({"kind": "server_error", "form": "json"}, 500, JSON, "internal_server_error"),
        ({"kind": "server_error", "form": "text", "status": 504}, 504, TEXT, "upstream"),
        ({"kind": "reply", "status": 200, "body": "[]", "content_type": "x/y"}, 200, "x/y", "[]"),
    ],
)
@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_false_answer(
    *, caller: Caller, fault: dict[str, Any], status: int, content_type: str, text: str, after_effect: bool
) -> None:
    caller.emulator.faults.add(Fault(route=UPLOAD, after_effect=after_effect, **fault))

    answer = await caller.upload(UPLOAD, {"path": "/a"}, b"x")

    assert (answer.status, answer.headers["Content-Type"]) == (status, content_type)
    assert text in answer.text
    assert ("/a" in caller.emulator.tree()) is after_effect
    assert caller.emulator.calls[0].paths == ("/a",)


async def test_the_wait_of_a_rate_limit_is_in_one_place(caller: Caller) -> None:
    headers = []
    for form in ("header", "json", "text"):
        caller.emulator.faults.add(Fault(route="*", kind="rate_limit", form=form, retry_after=9))
        headers.append((await caller.upload(UPLOAD, {"path": "/a"})).headers.get("Retry-After"))

    assert headers == ["9", None, "9"]


async def test_a_true_answer_under_a_false_type(caller: Caller) -> None:
    caller.emulator.faults.add(Fault(route=UPLOAD, kind="wrong_content_type", content_type="text/plain"))

    answer = await caller.upload(UPLOAD, {"path": "/a"}, b"x")

    assert (answer.headers["Content-Type"], answer.value["name"]) == ("text/plain", "a")


@pytest.mark.parametrize("after_effect", [False, True])
async def test_single_entries_of_a_batch_fail(caller: Caller, after_effect: bool) -> None:
    sessions = [await caller.started(close=True) for _ in range(3)]
    entries = [
        {"cursor": {"session_id": each, "offset": 0}, "commit": {"path": f"/{number}"}}
        for number, each in enumerate(sessions)
    ]
    caller.emulator.faults.add(
        Fault(
            route=FINISH,
            kind="entries",
            entries={1: {".tag": "brand_new"}, 7: {".tag": "other"}},
            after_effect=after_effect,
        )
    )

    answer = await caller.rpc(FINISH, {"entries": entries})

    tags = [entry[".tag"] for entry in answer.value["entries"]]
    assert (tags, answer.value["entries"][1]["failure"]) == (
        ["success", "failure", "success"],
        {".tag": "brand_new"},
    )
    assert list(caller.emulator.tree()) == (["/0", "/1", "/2"] if after_effect else ["/0", "/2"])


async def test_entries_of_an_append_batch_fail_without_taking_their_bytes(caller: Caller) -> None:
    sessions = [await caller.started() for _ in range(2)]
    entries = [{"cursor": {"session_id": each, "offset": 0}, "length": 1} for each in sessions]
    caller.emulator.faults.add(
        Fault(route="files/upload_session/append_batch", kind="entries", entries={0: {".tag": "other"}})
    )

    answers = [
        await caller.upload("files/upload_session/append_batch", {"entries": entries}, b"ab") for _ in range(2)
    ]

    assert [entry[".tag"] for entry in answers[0].value["entries"]] == ["failure", "success"]
    assert answers[1].value["entries"] == [
        {".tag": "success"},
        {".tag": "failure", "failure": {".tag": "incorrect_offset", "correct_offset": 1}},
    ]


async def test_entries_of_a_job_fail_in_its_result(caller: Caller) -> None:
    await caller.put("/a")
    caller.emulator.faults.add(
        Fault(route="files/copy_batch_v2", kind="entries", entries={0: {".tag": "internal_error"}})
    )
    entries = [{"from_path": "/a", "to_path": "/b"}, {"from_path": "/a", "to_path": "/c"}]
    job = (await caller.rpc("files/copy_batch_v2", {"entries": entries})).value
    polls = [await caller.rpc("files/copy_batch/check_v2", {"async_job_id": job["async_job_id"]}) for _ in "12"]

    assert [entry[".tag"] for entry in polls[1].value["entries"]] == ["failure", "success"]
    assert list(caller.emulator.tree()) == ["/a", "/c"]


async def test_a_fault_strikes_from_one_call_on_so_many_times(caller: Caller) -> None:
    fault = caller.emulator.faults.add(Fault(route=UPLOAD, kind="server_error", call=2, times=2))
    await caller.rpc("files/list_folder", {"path": ""})

    statuses = [(await caller.upload(UPLOAD, {"path": "/a"})).status for _ in range(5)]

    assert (statuses, fault.hits) == ([200, 500, 500, 200, 200], 2)


async def test_a_fault_without_end_strikes_until_cleared(caller: Caller) -> None:
    caller.emulator.faults.add(Fault(route="*", kind="server_error", times=None))
    struck = [(await caller.upload(UPLOAD, {"path": "/a"})).status for _ in range(3)]
    caller.emulator.faults.clear()

    assert (struck, (await caller.upload(UPLOAD, {"path": "/a"})).status) == ([500] * 3, 200)


async def test_the_token_endpoint_can_fail_too(caller: Caller) -> None:
    caller.emulator.faults.add(Fault(route="oauth2/token", kind="server_error", form="json"))

    assert (await caller.send("POST", "/oauth2/token", b"")).status == 500


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_call_is_held_until_released(caller: Caller, after_effect: bool) -> None:
    fault = caller.emulator.faults.add(Fault(route=UPLOAD, kind="hold", after_effect=after_effect))
    async with asyncio.TaskGroup() as group:
        call = group.create_task(caller.upload(UPLOAD, {"path": "/a"}))
        await fault.reached.wait()
        assert ("/a" in caller.emulator.tree()) is after_effect
        assert not call.done()
        fault.release()

    assert call.result().status == 200


async def test_a_delay_is_slept_through_the_given_sleep(caller: Caller, naps: list[float]) -> None:
    caller.emulator.faults.add(Fault(route=UPLOAD, kind="delay", seconds=3600))

    assert (await caller.upload(UPLOAD, {"path": "/a"})).status == 200
    assert naps == [3600]


@pytest.mark.parametrize(
    "value",
    [{}, {"route": "*"}, {"route": "*", "kind": "nonsense"}, {"route": "*", "kind": "html", "often": 1},
     {"route": "*", "kind": "html", "call": 0}, {"route": "*", "kind": "entries", "entries": {"x": 1}}],
)  # fmt: skip
def test_what_is_no_fault(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Fault.from_json(value)


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(caller: Caller) -> None:
    url = aiohttp.client.URL(caller.emulator.http_url or "")
    _, writer = await asyncio.open_connection(url.host, url.port)
    arg = f'{{"path":"/a"}}\r\nAuthorization: Bearer {caller.emulator.access_token}'
    head = f"POST /2/files/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nDropbox-API-Arg: {arg}\r\n"
    writer.write(f"{head}Content-Type: application/octet-stream\r\n\r\nhalf".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    await caller.rpc("files/list_folder", {"path": ""})
    assert caller.emulator.tree() == {}


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def options(options: Any, naps: list[float]) -> Any:
    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    return type(options)(sleep=sleep)


async def upload_to(caller: Caller, url: str) -> None:
    headers = {
        **caller.authorisation,
        "Content-Type": "application/octet-stream",
        "Dropbox-API-Arg": '{"path":"/a"}',
    }
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust(caller))) as session,
        session.post(f"{url}/2/files/upload", data=bytes(1_000_000), headers=headers) as answer,
    ):
        await answer.read()


def trust(caller: Caller) -> Any:
    return ssl.create_default_context(cafile=caller.emulator.ca_file)
