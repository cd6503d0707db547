"""A far emulator as its callers see it, in time that only passes when a test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import aiohttp
import pytest
from emulator_caller import Answer, Caller
from standing_time import StandingTime

from huracan_spool.emulator import PROFILES, Emulator, EmulatorOptions, WanProfile
from huracan_spool.emulator.delivery import PIECE_BYTES
from huracan_spool.emulator.wan import SLACK_SECONDS


@pytest.fixture
def time() -> StandingTime:
    return StandingTime()


@pytest.fixture
async def far(request: pytest.FixtureRequest, time: StandingTime) -> AsyncIterator[Caller]:
    """A caller of an emulator with the profile of the test's `options` mark."""
    profile = request.node.get_closest_marker("options").kwargs["wan"]
    options = EmulatorOptions(https=None, wan=profile, clock=time.clock, sleep=time.sleep)
    async with Emulator(options) as emulator, aiohttp.ClientSession() as session:
        yield Caller(emulator, session)


def finish(far: Caller, *sessions: str) -> Awaitable[Answer]:
    entries = [
        {"cursor": {"session_id": session, "offset": 0}, "commit": {"path": f"/{number}"}}
        for number, session in enumerate(sessions)
    ]
    return far.rpc("files/upload_session/finish_batch_v2", {"entries": entries})


@pytest.mark.options(wan=replace(PROFILES["link"], connection_rate=None, total_rate=1024.0))
async def test_an_upload_takes_latency_body_and_hold(far: Caller, time: StandingTime) -> None:
    answer = await time.until(far.upload("files/upload", {"path": "/a"}, b"x" * 1024))

    [record] = far.emulator.calls
    *thinking, sending = time.slept
    assert thinking == pytest.approx([1.0 - SLACK_SECONDS, 0.45, 0.305])
    assert sending == pytest.approx(record.sent / 1024 - SLACK_SECONDS)
    assert answer.headers["X-Server-Response-Time"] == str(int(sum(thinking) * 1000))
    assert (answer.status, record.lock_wait) == (200, 0.0)


@pytest.mark.options(wan=WanProfile(total_rate=1024.0))
async def test_a_download_is_as_slow(far: Caller, time: StandingTime) -> None:
    far.emulator.put("/a", b"x" * 1024)
    answer = await time.until(far.download("/a"))

    assert (answer.text, time.slept) == ("x" * 1024, pytest.approx([1.0 - SLACK_SECONDS]))


@pytest.mark.options(wan=WanProfile(content_call=0.45, rpc_call=0.15, total_rate=PIECE_BYTES / 0.1))
@pytest.mark.parametrize("call", ["files/download", "files/download_zip", "files/list_folder"])
async def test_an_answer_comes_piece_by_piece(far: Caller, time: StandingTime, call: str) -> None:
    """So no connection holds the line for longer than the others, whatever it asks for."""
    for number in range(600):
        far.emulator.put(f"/d/{number}", b"x" * 512)
    far.emulator.put("/d/big", b"x" * (3 * PIECE_BYTES - 7))
    if call == "files/list_folder":
        await time.until(far.rpc(call, {"path": "/d", "limit": 2000}))
    else:
        await time.until(far.download("/d/big" if call == "files/download" else "/d", route=call))

    [record] = far.emulator.calls
    server_time, *pieces = time.slept
    assert server_time == pytest.approx(0.15 if call == "files/list_folder" else 0.45)
    assert pieces[1:-1] == pytest.approx([0.1] * (len(pieces) - 2))
    assert max(pieces) < 0.1001
    assert sum(pieces) == pytest.approx(0.1 * record.sent / PIECE_BYTES - SLACK_SECONDS)


@pytest.mark.options(wan=PROFILES["link"])
async def test_a_commit_is_seen_at_the_end_of_its_hold(far: Caller, time: StandingTime) -> None:
    session = (await time.until(far.upload("files/upload_session/start", {"close": True}))).value["session_id"]
    commit = asyncio.ensure_future(finish(far, session))
    await time.sleeping(1)
    time.jump()
    await time.sleeping(1)
    before = dict(far.emulator.tree())
    time.jump()
    await commit

    assert (list(before), list(far.emulator.tree())) == ([], ["/0"])
    assert time.slept == pytest.approx([0.45, 0.15, 0.305])


@pytest.mark.options(wan=WanProfile(lock_single=2.0, lock_batch=2.0))
async def test_who_waited_in_vain_is_told_so(far: Caller, time: StandingTime) -> None:
    session = (await far.upload("files/upload_session/start", {"close": True})).value["session_id"]
    first = asyncio.ensure_future(far.upload("files/upload", {"path": "/a"}, b"a"))
    await time.sleeping(1)
    single = asyncio.ensure_future(far.upload("files/upload", {"path": "/b"}, b"b"))
    batch = asyncio.ensure_future(finish(far, session, session))
    folders = asyncio.ensure_future(far.rpc("files/create_folder_batch", {"paths": ["/f"]}))
    await time.sleeping(4)
    for _ in range(4):
        time.jump()
    done, refused, entries, made = await asyncio.gather(first, single, batch, folders)
    again = await time.until(finish(far, session))

    taken = {".tag": "too_many_write_operations"}
    assert (done.status, refused.status, refused.headers["Retry-After"]) == (200, 429, "1")
    assert refused.error == {"reason": taken}
    assert entries.value["entries"] == [{".tag": "failure", "failure": taken}] * 2
    assert made.value["entries"] == [{".tag": "failure", "failure": {".tag": "path", "path": taken}}]
    # The session is as it was.
    assert again.value["entries"][0][".tag"] == "success"
    assert list(far.emulator.tree()) == ["/0", "/a"]


@pytest.mark.options(wan=WanProfile(calls_per_second=2.0, retry_after=15))
async def test_the_profile_limits_calls(far: Caller) -> None:
    answers = [await far.rpc("check/user", {}) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "15"


@pytest.mark.options(wan=WanProfile(lock_single=0.3))
async def test_totals(far: Caller, time: StandingTime) -> None:
    """Overlaps are the calls that had to wait for the lock."""
    first = asyncio.ensure_future(far.upload("files/upload", {"path": "/a"}, b"abc"))
    await time.sleeping(1)
    second = asyncio.ensure_future(far.upload("files/upload", {"path": "/b"}, b"abcd"))
    await time.sleeping(2)
    waited = await time.until(far.send("GET", "/__emulator__/totals?files=2&within=60"))
    await asyncio.gather(first, second)
    early = await far.send("GET", "/__emulator__/totals?files=9")

    assert waited.value["files"] == 2
    assert early.value == {
        "calls": 2,
        "commits": 2,
        "overlaps": 1,
        "received": 7,
        "refused": 0,
        "files": 2,
        "at": time.now,
    }
