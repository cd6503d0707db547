"""The typed calls against the emulator: what succeeds and what Dropbox refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from emulated_dropbox import (
    BLOCK,
    TRAINED,
    body_of,
    commit,
    connected,
    content_of,
    sealed,
)
from scripted_server import client

from huracan_spool.content_hash import content_hash
from huracan_spool.emulator import Emulator, EmulatorOptions
from huracan_spool.errors import NeedsPerson, Refused
from huracan_spool.stores.dropbox.api import (
    CommitEntry,
    Conflict,
    Cursor,
    DropboxApi,
    HashMismatch,
    Missing,
    MoveEntry,
    RemoteFile,
    SessionClosed,
    SessionGone,
    TooBig,
    WrongOffset,
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


async def test_a_run_of_small_files_takes_three_calls(emulator, api):
    files = {"/Huracán/model.bin": b"model" * 1000, "/Huracán/empty.json": b"", "/Huracán/漢字.csv": b"1,2"}

    results = await commit(api, files)

    assert content_of(emulator) == files
    assert [(file.path, file.size, file.content_hash) for file in results] == [
        (path, len(data), content_hash(data)) for path, data in files.items()
    ]
    assert {file.client_modified for file in emulator.tree().values()} == {TRAINED}
    assert len(emulator.calls) == 3


async def test_a_large_file_goes_in_pieces_of_a_concurrent_session(api):
    data = bytes(range(256)) * 40_000
    [session] = await api.start_sessions(1, concurrent=True)

    for start in (BLOCK, 0):
        piece = data[start : start + BLOCK]
        await api.append(Cursor(session, start), body_of(piece), close=False, content_hash=content_hash(piece))
    last = data[2 * BLOCK :]
    await api.append(Cursor(session, 2 * BLOCK), body_of(last), close=True, content_hash=content_hash(last))
    [file] = await api.finish_batch([CommitEntry(session, len(data), "/model.bin", TRAINED)])

    assert isinstance(file, RemoteFile)
    assert file.content_hash == content_hash(data)


async def test_a_folder_is_listed_over_several_pages(emulator, api):
    paths = [f"/Huracan/{number % 7}/Model-{number:04}.bin" for number in range(2_100)]
    for path in [*paths, "/Other/x"]:
        emulator.put(path, b"")

    listed = await api.list_folder("/huracan")

    assert sorted(file.path for file in listed) == sorted(paths)
    # two pages, and what changed between them
    assert [call.route.rpartition("/")[2] for call in emulator.calls] == ["list_folder", "continue", "continue"]
    assert len(await api.list_folder("")) == 2_101


async def test_what_is_not_there_is_an_answer(api):
    await commit(api, {"/Huracan/file": b"x"})

    assert await api.list_folder("/nowhere") == []
    assert await api.get_metadata("/nowhere") is None
    assert await api.get_metadata("/Huracan") is None
    with pytest.raises(Missing):
        await api.download("/nowhere", limit=10)
    [copied] = await api.copy_batch([MoveEntry("/nowhere", "/somewhere")])
    assert isinstance(copied, Missing)


async def test_a_file_is_found_and_read_by_path_and_by_id(api):
    [file] = await commit(api, {"/Huracan/record.json": b"{}"})

    assert await api.get_metadata("/Huracan/record.json") == file
    assert await api.get_metadata(file.id) == file
    assert await api.download(file.id, limit=2) == b"{}"
    with pytest.raises(TooBig):
        await api.download("/Huracan/record.json", limit=1)


@pytest.mark.parametrize("mode", ["job", "sync"])
async def test_files_are_moved_by_id_at_once_or_as_a_job(mode):
    async with (
        Emulator(EmulatorOptions(relocation_batches=mode, job_polls=3)) as emulator,
        connected(emulator) as api,
    ):
        [a, b, _] = await commit(api, {"/a": b"a", "/b": b"b", "/taken": b"c"})

        results = await api.move_batch(
            [MoveEntry(a.id, "/old/a"), MoveEntry(b.id, "/taken"), MoveEntry("/nowhere", "/old/x")]
        )

        assert content_of(emulator) == {"/old/a": b"a", "/b": b"b", "/taken": b"c"}
    assert results[0].path == "/old/a"
    assert results[0].id == a.id
    assert [type(result) for result in results[1:]] == [Conflict, Missing]


async def test_a_copy_never_replaces(emulator, api):
    [a, _] = await commit(api, {"/a": b"a", "/b": b"b"})

    copied, refused = await api.copy_batch([MoveEntry(a.id, "/c/a"), MoveEntry("/a", "/b")])

    assert copied.path == "/c/a"
    assert isinstance(refused, Conflict)
    assert content_of(emulator) == {"/a": b"a", "/b": b"b", "/c/a": b"a"}


async def test_the_account_is_checked_with_the_least_scope(emulator):
    token = emulator.issue_token(frozenset({"files.metadata.read"}))
    async with client(emulator.http_url, credentials=Credentials(access_token=token)) as api:
        await api.check_account()


async def test_the_entries_of_a_batch_fail_one_by_one(api):
    await commit(api, {"/Huracan/taken": b"old", "/Huracan/folder/x": b"x", "/Huracan/same": b"same"})
    paths = ["/Huracan/taken", "/Huracan/folder", "/Huracan/taken/below", "/Huracan/a\\b", "/Huracan/good"]
    sessions = await sealed(api, *[path.encode() for path in paths], b"same")
    [unclosed] = await api.start_sessions(1, concurrent=False)
    entries = [
        CommitEntry(session, len(path.encode()), path, TRAINED)
        for session, path in zip(sessions, paths, strict=False)
    ]

    results = await api.finish_batch(
        [
            *entries,
            CommitEntry(sessions[-1], 4, "/Huracan/same", TRAINED),
            CommitEntry("pid_upload_session:garbage", 1, "/Huracan/y", TRAINED),
            CommitEntry(unclosed, 0, "/Huracan/z", TRAINED),
        ]
    )

    assert [type(result) for result in results] == [
        Conflict,
        Refused,
        Refused,
        Refused,
        RemoteFile,
        RemoteFile,
        SessionGone,
        SessionGone,
    ]


async def test_a_wrong_hash_stores_nothing(api):
    [session] = await api.start_sessions(1, concurrent=False)

    with pytest.raises(HashMismatch):
        await api.append(Cursor(session, 0), body_of(b"bytes"), close=True, content_hash=content_hash(b"other"))

    await api.append(Cursor(session, 0), body_of(b"bytes"), close=True, content_hash=content_hash(b"bytes"))


async def test_a_session_says_where_it_is_and_that_it_is_closed(api):
    [session] = await api.start_sessions(1, concurrent=False)
    data = b"0123456789"
    await api.append(Cursor(session, 0), body_of(data), close=False, content_hash=content_hash(data))

    await api.append(Cursor(session, 0), body_of(data), close=False, content_hash=content_hash(data))
    with pytest.raises(WrongOffset) as caught:
        await api.append(Cursor(session, 4), body_of(data), close=False, content_hash=content_hash(data))
    assert caught.value.correct_offset == 10

    await api.append(Cursor(session, 10), body_of(b""), close=True, content_hash=content_hash(b""))
    with pytest.raises(SessionClosed):
        await api.append(Cursor(session, 10), body_of(b"x"), close=False, content_hash=content_hash(b"x"))
    with pytest.raises(SessionGone):
        await api.append(Cursor("garbage", 0), body_of(b"x"), close=False, content_hash=content_hash(b"x"))


async def test_a_full_account_needs_a_person():
    async with Emulator(EmulatorOptions(quota_bytes=10)) as emulator, connected(emulator) as api:
        [result] = await commit(api, {"/big": b"x" * 11})

    assert isinstance(result, NeedsPerson)
    assert "full" in result.hint


async def test_a_missing_scope_is_named(emulator):
    async with Emulator(EmulatorOptions(app_scopes=frozenset({"files.metadata.read"}))) as narrow:
        for token, server in [
            (emulator.issue_token(frozenset({"files.metadata.read"})), emulator),
            (narrow.access_token, narrow),
        ]:
            async with client(server.http_url, credentials=Credentials(access_token=token)) as api:
                with pytest.raises(NeedsPerson) as caught:
                    await api.start_sessions(1, concurrent=False)
                assert "files.content.write" in caught.value.hint


@pytest.mark.parametrize("status", [400, 401])
async def test_a_malformed_token_needs_a_person(status):
    credentials = Credentials(access_token="nonsense!")
    async with (
        Emulator(EmulatorOptions(malformed_token_status=status)) as emulator,
        client(emulator.http_url, credentials=credentials) as api,
    ):
        with pytest.raises(NeedsPerson) as caught:
            await api.check_account()

    assert "new token" in caught.value.hint
    assert "nonsense" not in str(caught.value)


async def test_tokens_are_refreshed_until_the_log_in_is_revoked(emulator):
    credentials = Credentials(refresh_token=emulator.refresh_token, app_key=emulator.app_key)
    async with client(emulator.http_url, credentials=credentials) as api:
        await api.check_account()
        emulator.expire_tokens()
        await api.check_account()
        emulator.expire_tokens()
        emulator.revoke_refresh_token()
        with pytest.raises(NeedsPerson, match="invalid_grant"):
            await api.check_account()
