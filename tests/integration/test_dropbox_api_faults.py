"""The typed calls against an emulator that misbehaves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from emulated_dropbox import (
    APPEND,
    APPEND_BATCH,
    BLOCK,
    FINISH,
    TRAINED,
    body_of,
    commit,
    connected,
    content_of,
    sealed,
)
from scripted_server import FakeTime, client

from huracan_spool.content_hash import content_hash
from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.errors import NeedsPerson, TryAgain, Unknown, Unreachable
from huracan_spool.stores.dropbox.api import (
    CommitEntry,
    Cursor,
    DropboxApi,
    MoveEntry,
    Piece,
    RemoteFile,
)
from huracan_spool.stores.dropbox.auth import Credentials


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(EmulatorOptions()) as emulator:
        yield emulator


@pytest.fixture
async def api(emulator: Emulator) -> AsyncIterator[DropboxApi]:
    async with connected(emulator) as api:
        yield api


PASSING = [
    Fault(route=APPEND, kind="refuse"),
    Fault(route=APPEND, kind="reset_mid_body", after_bytes=100_000),
    Fault(route=APPEND, kind="reset_before"),
    Fault(route=APPEND, kind="reset_after"),
    Fault(route=APPEND, kind="truncate", after_bytes=1),
    Fault(route=APPEND, kind="wrong_content_type"),
    Fault(route=APPEND, kind="html"),
    Fault(route=APPEND, kind="wrong_json"),
    Fault(route=APPEND, kind="error"),
    Fault(route=APPEND, kind="error", tag="brand_new"),
    Fault(route=APPEND, kind="rate_limit", tag="too_many_requests", form="header", retry_after=300),
    Fault(route=APPEND, kind="rate_limit", tag="too_many_write_operations", form="json"),
    Fault(route=APPEND, kind="rate_limit", form="text"),
    Fault(route=APPEND, kind="server_error", status=500, times=3),
    Fault(route=APPEND, kind="server_error", status=503, form="html"),
    Fault(route=APPEND, kind="server_error", status=500, after_effect=True),
    Fault(route=APPEND, kind="auth"),
]


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("concurrent", [False, True])
@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind} {fault.tag} {fault.form}")
async def test_an_append_survives_what_passes(emulator, api, fault, concurrent, close):
    data = bytes(256) * (BLOCK // 256)
    [session] = await api.start_sessions(1, concurrent=concurrent)
    emulator.faults.add(fault)

    await api.append(Cursor(session, 0), body_of(data), close=close, content_hash=content_hash(data))

    if not close:
        await api.append(Cursor(session, BLOCK), body_of(b""), close=True, content_hash=content_hash(b""))
    [file] = await api.finish_batch([CommitEntry(session, BLOCK, "/model.bin", TRAINED)])
    assert file.content_hash == content_hash(data)


@pytest.mark.parametrize("retried_close", ["closed", "incorrect_offset"])
@pytest.mark.parametrize("resent_piece", ["accepted", "incorrect_offset"])
@pytest.mark.parametrize("concurrent", [False, True])
async def test_a_closing_append_whose_reply_was_lost_has_arrived(retried_close, resent_piece, concurrent):
    options = EmulatorOptions(retried_close=retried_close, resent_piece=resent_piece)
    async with Emulator(options) as emulator, connected(emulator) as api:
        [session] = await api.start_sessions(1, concurrent=concurrent)
        emulator.faults.add(Fault(route=APPEND, kind="reset_after"))
        await api.append(Cursor(session, 0), body_of(b"data"), close=True, content_hash=content_hash(b"data"))
        [file] = await api.finish_batch([CommitEntry(session, 4, "/x", TRAINED)])

    assert file.size == 4


@pytest.mark.parametrize("kind", ["reset_mid_body", "reset_before", "reset_after", "html", "truncate"])
async def test_a_batch_of_appends_survives_a_lost_reply(emulator, api, kind):
    emulator.faults.add(Fault(route=APPEND_BATCH, kind=kind))

    await commit(api, {"/a": b"aaa", "/b": b"", "/c": b"c"})

    assert content_of(emulator) == {"/a": b"aaa", "/b": b"", "/c": b"c"}


async def test_a_batch_of_appends_may_fail_in_part(emulator, api):
    sessions = await api.start_sessions(2, concurrent=False)
    emulator.faults.add(Fault(route=APPEND_BATCH, kind="entries", entries={0: {".tag": "other"}}))
    pieces = [Piece(Cursor(session, 0), 1, close=True) for session in sessions]

    outcomes = await api.append_batch(pieces, body_of(b"a", b"b"))

    assert [type(outcome) for outcome in outcomes] == [TryAgain, type(None)]


@pytest.mark.parametrize("status", [400, 404])
async def test_without_the_batch_route_sessions_are_started_one_by_one(emulator, api, status):
    route = "files/upload_session/start_batch"
    text = 'Error in call to API function "files/upload_session/start_batch": Unknown API function'
    emulator.faults.add(
        Fault(route=route, kind="reply", status=status, body=text, content_type="text/plain", times=None)
    )

    [first] = await api.start_sessions(300, concurrent=False)
    [second] = await api.start_sessions(300, concurrent=False)

    assert first != second
    assert [call.route.rpartition("/")[2] for call in emulator.calls] == ["start_batch", "start", "start"]


LOST = [
    Fault(route=FINISH, kind="reset_before"),
    Fault(route=FINISH, kind="reset_after"),
    Fault(route=FINISH, kind="html", after_effect=True),
    Fault(route=FINISH, kind="wrong_json", after_effect=True),
    Fault(route=FINISH, kind="truncate", after_bytes=30),
    Fault(route=FINISH, kind="server_error", status=500),
    Fault(route=FINISH, kind="server_error", status=503, after_effect=True),
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault.kind} {fault.after_effect}")
async def test_a_commit_without_an_answer_is_unknown_and_made_once(emulator, api, fault):
    emulator.faults.add(fault)

    with pytest.raises(Unknown):
        await commit(api, {"/a": b"a"})

    assert len([call for call in emulator.calls if call.route == FINISH]) == 1


async def test_a_commit_may_fail_in_part(emulator, api):
    error = {".tag": "path", "path": {".tag": "too_many_write_operations"}}
    emulator.faults.add(Fault(route=FINISH, kind="entries", entries={1: error}))

    results = await commit(api, {"/a": b"a", "/b": b"b", "/c": b"c"})

    assert [type(result) for result in results] == [RemoteFile, TryAgain, RemoteFile]
    assert content_of(emulator) == {"/a": b"a", "/c": b"c"}


async def test_a_commit_that_was_only_held_back_is_made_again(emulator, api):
    emulator.faults.add(Fault(route=FINISH, kind="rate_limit", tag="too_many_write_operations", form="header"))

    [file] = await commit(api, {"/a": b"a"})

    assert isinstance(file, RemoteFile)


async def test_a_listing_starts_over_when_its_cursor_is_reset(emulator, api):
    for number in range(2_100):
        emulator.put(f"/d/{number}", b"")
    route = "files/list_folder/continue"
    emulator.faults.add(Fault(route=route, kind="error", tag="reset"))
    assert len(await api.list_folder("/d")) == 2_100

    emulator.faults.add(Fault(route=route, kind="error", tag="reset", times=None))
    with pytest.raises(TryAgain, match="changes faster"):
        await api.list_folder("/d")


async def test_a_listing_that_can_not_be_read_is_never_taken_for_an_empty_folder(emulator, api):
    for kind in ("html", "wrong_json"):
        emulator.faults.add(Fault(route="*", kind=kind, times=None))
        with pytest.raises(Unreachable):
            await api.list_folder("")
        with pytest.raises(Unreachable):
            await api.get_metadata("/x")
        with pytest.raises(Unreachable):
            await api.download("/x", limit=10)
        emulator.faults.clear()


async def test_a_moves_job_that_can_not_be_followed_is_unknown(emulator, api):
    [a] = await commit(api, {"/a": b"a"})
    check = "files/move_batch/check_v2"
    emulator.faults.add(Fault(route=check, kind="server_error", times=None))
    with pytest.raises(Unknown):
        await api.move_batch([MoveEntry(a.id, "/b")])

    emulator.faults.clear()
    emulator.faults.add(Fault(route=check, kind="error", tag="invalid_async_job_id"))
    with pytest.raises(Unknown):
        await api.move_batch([MoveEntry(a.id, "/c")])


async def test_a_job_that_never_ends_is_unknown_and_asked_for_less_and_less_often():
    time = FakeTime()
    async with Emulator(EmulatorOptions(job_polls=10_000)) as emulator, connected(emulator) as api:
        [a] = await commit(api, {"/a": b"a"})
        async with client(
            emulator.http_url, credentials=Credentials(access_token=emulator.access_token), time=time
        ) as slow:
            with pytest.raises(Unknown, match="not done"):
                await slow.move_batch([MoveEntry(a.id, "/b")])

    assert 600 <= time.now < 700
    assert len(time.slept) < 300


@pytest.mark.parametrize(
    ("tag", "error"),
    [
        ("invalid_account_type", {".tag": "invalid_account_type", "invalid_account_type": {".tag": "feature"}}),
        ("other", None),
    ],
)
async def test_a_403_needs_a_person(emulator, api, tag, error):
    emulator.faults.add(Fault(route=APPEND_BATCH, kind="access", tag=tag, error=error))

    with pytest.raises(NeedsPerson) as caught:
        await sealed(api, b"x")

    assert caught.value.hint
