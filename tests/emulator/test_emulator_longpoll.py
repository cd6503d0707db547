"""Waiting for changes, in time that only passes when a test lets it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from emulator_caller import Answer, Caller
from standing_time import StandingTime

from huracan_spool.emulator import Emulator, EmulatorOptions
from support.waiting import eventually

ROUTE = "files/list_folder/longpoll"


@pytest.fixture
def time() -> StandingTime:
    return StandingTime()


@pytest.fixture
async def emulator(options: EmulatorOptions, time: StandingTime) -> AsyncIterator[Emulator]:
    async with Emulator(replace(options, https=None, clock=time.clock, sleep=time.sleep)) as running:
        yield running


async def cursor_of(caller: Caller, path: str = "", **order: Any) -> str:
    answer = await caller.rpc("files/list_folder/get_latest_cursor", {"path": path, "recursive": True, **order})
    return str(answer.value["cursor"])


def longpoll(caller: Caller, cursor: str, headers: dict[str, str] | None = None, **arg: Any) -> Awaitable[Answer]:
    body = json.dumps({"cursor": cursor, **arg}).encode()
    return caller.send("POST", f"/2/{ROUTE}", body, {"Content-Type": "application/json", **(headers or {})})


async def test_a_change_ends_the_wait(caller: Caller, time: StandingTime) -> None:
    cursor = await cursor_of(caller, await folder(caller))
    waiting = asyncio.ensure_future(longpoll(caller, cursor))
    await time.sleeping(1)
    await caller.put("/elsewhere")
    await caller.rpc("check/user", {})
    before = waiting.done()
    await caller.put("/watched/a")

    assert (before, (await waiting).value) == (False, {"changes": True})
    assert (time.now, time._sleepers) == (1000.0, [])


@pytest.mark.parametrize(
    ("arg", "seconds"),
    [
        pytest.param({}, 30, marks=pytest.mark.options()),
        pytest.param({"timeout": 480}, 570, marks=pytest.mark.options(longpoll_jitter=90)),
    ],
)
async def test_without_a_change_it_ends_in_time(
    caller: Caller, time: StandingTime, arg: dict[str, int], seconds: float
) -> None:
    answer = await time.until(longpoll(caller, await cursor_of(caller), **arg))

    assert (answer.status, answer.value, time.slept) == (200, {"changes": False}, [seconds])


@pytest.mark.options(longpoll_backoff=60)
async def test_a_caller_can_be_told_to_back_off(caller: Caller) -> None:
    cursor = await cursor_of(caller)
    await caller.put("/a")

    assert (await longpoll(caller, cursor)).value == {"changes": True, "backoff": 60}


async def test_what_is_still_to_be_listed_is_news(caller: Caller, time: StandingTime) -> None:
    await caller.put("/a")
    await caller.put("/b")
    first = (await caller.rpc("files/list_folder", {"path": "", "limit": 1})).value
    last = (await caller.rpc("files/list_folder/continue", {"cursor": first["cursor"]})).value

    answers = [(await time.until(longpoll(caller, each["cursor"]))).value["changes"] for each in (first, last)]

    assert answers == [True, False]


async def test_that_the_folder_went_away_is_news(caller: Caller) -> None:
    cursor = await cursor_of(caller, await folder(caller))
    await caller.rpc("files/delete_v2", {"path": "/watched"})

    assert (await longpoll(caller, cursor)).value == {"changes": True}


async def test_many_wait_for_one_change(caller: Caller, time: StandingTime) -> None:
    cursor = await cursor_of(caller)
    waiting = [asyncio.ensure_future(longpoll(caller, cursor)) for _ in range(3)]
    await time.sleeping(3)
    await caller.put("/a")

    assert [each.value["changes"] for each in await asyncio.gather(*waiting)] == [True] * 3


@pytest.mark.parametrize(
    ("headers", "arg", "text"),
    [
        ({"Authorization": "Bearer x"}, {}, "takes no authorization"),
        ({}, {"cursor": "AAEgarbage"}, 'Invalid "cursor" parameter'),
        ({}, {"timeout": 29}, "timeout"),
        ({}, {"timeout": 481}, "timeout"),
        ({"Content-Type": "text/plain"}, {}, "Content-Type"),
    ],
)
async def test_what_it_refuses(caller: Caller, headers: dict[str, str], arg: dict[str, Any], text: str) -> None:
    answer = await longpoll(caller, headers=headers, **{"cursor": await cursor_of(caller), **arg})

    assert (answer.status, text in answer.text) == (400, True)


@pytest.mark.parametrize(("host", "status"), [("notify", 200), ("api", 404), ("content", 404)])
async def test_it_has_a_host_of_its_own(caller: Caller, host: str, status: int) -> None:
    cursor = await cursor_of(caller)
    await caller.put("/a")

    answer = await longpoll(caller, cursor, {"Host": f"{host}.dropboxapi.com"})

    assert answer.status == status


async def test_nobody_waits_for_those_who_wait(options: EmulatorOptions) -> None:
    """An emulator can end while somebody waits for changes."""
    async with aiohttp.ClientSession() as session:
        async with Emulator(options) as emulator:
            caller = Caller(emulator, session)
            waiting = asyncio.ensure_future(longpoll(caller, await cursor_of(caller), timeout=480))
            await eventually(lambda: len(emulator.calls) == 2, "a call that waits")
        with pytest.raises(aiohttp.ClientError):
            await waiting


async def folder(caller: Caller) -> str:
    await caller.rpc("files/create_folder_v2", {"path": "/watched"})
    return "/watched"
