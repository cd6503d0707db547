"""Each option that no other file turns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from emulator_caller import Caller

JSON = {"Content-Type": "application/json"}
NAPS: list[float] = []


async def nap(seconds: float) -> None:
    NAPS.append(seconds)


@pytest.mark.options(malformed_token_status=401)
async def test_a_malformed_token_can_be_unknown_instead(caller: Caller) -> None:
    answer = await caller.send("POST", "/2/check/user", b"{}", {**JSON, "Authorization": "Bearer a b"})

    assert (answer.status, answer.error) == (401, {".tag": "invalid_access_token"})


@pytest.mark.options(app_key="other", invalid_client_status=401)
async def test_an_unknown_app_can_be_unauthorised(caller: Caller) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await caller.send("POST", "/oauth2/token", b"client_id=emulatorappkey1", headers)

    assert (answer.status, answer.value["error"]) == (401, "invalid_client")


@pytest.mark.options(token_lifetime=60)
async def test_the_life_of_a_token(caller: Caller) -> None:
    emulator = caller.emulator
    form = f"grant_type=refresh_token&client_id={emulator.app_key}&refresh_token={emulator.refresh_token}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    assert (await caller.send("POST", "/oauth2/token", form.encode(), headers)).value["expires_in"] == 60


@pytest.mark.options(empty_batch="accepted")
async def test_an_empty_batch_can_be_fine(caller: Caller) -> None:
    answer = await caller.rpc("files/upload_session/finish_batch_v2", {"entries": []})

    assert answer.value == {"entries": []}


@pytest.mark.options(folder_batch_sync_entries=1, job_polls=0)
async def test_a_job_can_be_done_at_the_first_poll(caller: Caller) -> None:
    launch = await caller.rpc("files/create_folder_batch", {"paths": ["/a", "/b"]})
    status = await caller.rpc("files/create_folder_batch/check", {"async_job_id": launch.value["async_job_id"]})

    assert (launch.value[".tag"], status.value[".tag"]) == ("async_job_id", "complete")


@pytest.mark.options(page_entries=1)
async def test_pages_can_be_short(caller: Caller) -> None:
    await caller.put("/a")
    await caller.put("/b")
    answer = await caller.rpc("files/list_folder", {"path": ""})

    assert (len(answer.value["entries"]), answer.value["has_more"]) == (1, True)


@pytest.mark.options(lock_hold=0.25, sleep=nap)
async def test_only_changes_take_the_write_lock(caller: Caller) -> None:
    NAPS.clear()
    await asyncio.gather(caller.put("/a"), caller.put("/b"))
    await caller.rpc("files/list_folder", {"path": ""})
    await caller.started(close=True)

    assert NAPS == [0.25, 0.25]


@pytest.mark.options(http=None)
async def test_a_face_can_be_left_out(emulator: Any) -> None:
    assert (emulator.http_url, emulator.https_url.startswith("https://127.0.0.1:")) == (None, True)
