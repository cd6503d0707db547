"""The upload engine against the emulator: how contents become calls, and what a restart sends again."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random

import pytest
from emulated_dropbox import APPEND, APPEND_BATCH, BLOCK, FINISH, TRAINED, connected

from huracan_spool.content_hash import fingerprint
from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.errors import Rejected, StoreError, TryAgain, Unknown
from huracan_spool.ledger import open_ledger
from huracan_spool.stores.base import Content
from huracan_spool.stores.dropbox.api import CommitEntry, RemoteFile
from huracan_spool.stores.dropbox.batches import Batches
from huracan_spool.stores.dropbox.changes import Changes, Turn
from huracan_spool.stores.dropbox.run_sessions import RunSessions
from huracan_spool.stores.dropbox.uploader import Uploader
from support.waiting import eventually

CHUNK = 2 * BLOCK


def content(seed: int, size: int) -> Content:
    data = random.Random(seed).randbytes(size)
    return Content(data, fingerprint(data))


def by_hash(*contents: Content) -> dict[str, Content]:
    return {each.content_hash: each for each in contents}


def appends(emulator: Emulator) -> list[str]:
    return [call.route for call in emulator.calls if "append" in call.route]


def received(emulator: Emulator) -> int:
    return sum(call.received for call in emulator.calls if "append" in call.route)


@pytest.fixture
async def emulator():
    async with Emulator(EmulatorOptions(http=("127.0.0.1", 0), https=None)) as running:
        yield running


async def store(api, sessions: RunSessions, path: str, hash_: str) -> RemoteFile | StoreError:
    [result] = await Changes(api, lambda _: 0.0).commit(
        [CommitEntry(sessions.use(hash_), sessions.contents[hash_].fingerprint.size, path, TRAINED)]
    )
    return result


async def test_small_contents_of_several_runs_share_a_call(emulator):
    runs = [[content(10 * run + number, 1000 + number) for number in range(5)] for run in range(8)]
    async with connected(emulator) as api:
        uploader = Uploader(api, chunk_size=CHUNK, connections=1)
        sessions = [RunSessions(uploader, by_hash(*contents)) for contents in runs]

        await asyncio.gather(*[each.prepare(list(each.contents)) for each in sessions])

        assert appends(emulator) == [APPEND_BATCH]
        assert all(len(each.ready) == 5 for each in sessions)
        assert sum(each.bytes_sent for each in sessions) == received(emulator)
        for number, each in enumerate(sessions):
            for hash_ in each.contents:
                assert isinstance(await store(api, each, f"/{number}/{hash_}", hash_), RemoteFile)


async def test_a_call_has_at_most_fifty_entries_and_a_chunk_of_bytes(emulator):
    tiny = [content(number, 10) for number in range(60)]
    wide = [content(100 + number, 3 * 1024 * 1024) for number in range(4)]
    async with connected(emulator) as api:
        uploader = Uploader(api, chunk_size=CHUNK, connections=1)
        for contents in (tiny, wide):
            await RunSessions(uploader, by_hash(*contents)).prepare([each.content_hash for each in contents])

    counts = [len(call.argument["entries"]) for call in emulator.calls if call.route == APPEND_BATCH]
    assert counts == [50, 10, 2, 2]


async def test_a_content_wanted_twice_gets_two_sessions_and_is_not_sent_a_third_time(emulator):
    candles = content(1, 5000)
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=4), by_hash(candles))
        await sessions.prepare([candles.content_hash] * 2)
        await sessions.prepare([candles.content_hash])

    assert received(emulator) == 10_000


async def test_a_large_content_travels_in_pieces_and_its_closing_piece_is_short_and_last(emulator):
    size = 5 * BLOCK + 100
    large = content(1, size)
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=3), by_hash(large))
        await sessions.prepare([large.content_hash])
        result = await store(api, sessions, "/model.bin", large.content_hash)

    assert isinstance(result, RemoteFile)
    assert result.content_hash == large.content_hash
    pieces = [call.argument for call in emulator.calls if call.route == APPEND]
    assert sorted(piece["cursor"]["offset"] for piece in pieces) == [0, 2 * BLOCK, 4 * BLOCK, 5 * BLOCK]
    assert [piece["close"] for piece in pieces] == [False, False, False, True]
    assert received(emulator) == size


@pytest.mark.parametrize("size", [2 * BLOCK + 1, 3 * BLOCK, 4 * BLOCK, 4 * BLOCK + 1, 7 * BLOCK - 1])
async def test_a_large_content_arrives_whatever_its_size(emulator, size):
    large = content(size, size)
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=4), by_hash(large))
        await sessions.prepare([large.content_hash])
        result = await store(api, sessions, "/model.bin", large.content_hash)

    assert isinstance(result, RemoteFile)
    assert (result.content_hash, result.size) == (large.content_hash, size)


async def test_a_restart_sends_only_the_pieces_that_had_not_arrived(emulator, tmp_path):
    large = content(1, 9 * BLOCK + 5)
    emulator.faults.add(Fault(route=APPEND, kind="refuse", call=4, times=None))
    async with connected(emulator) as api:
        ledger = open_ledger(tmp_path / "ledger.sqlite")
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=1, ledger=ledger), by_hash(large))
        with pytest.raises(TryAgain):
            await sessions.prepare([large.content_hash])
        ledger.close()
    arrived = sum(call.received for call in emulator.calls if call.status == 200 and call.route == APPEND)
    emulator.faults.clear()
    before = len(emulator.calls)

    async with connected(emulator) as api:
        ledger = open_ledger(tmp_path / "ledger.sqlite")
        again = RunSessions(Uploader(api, chunk_size=CHUNK, connections=1, ledger=ledger), by_hash(large))
        await again.prepare([large.content_hash])
        [session] = again.ready[large.content_hash]
        result = await store(api, again, "/model.bin", large.content_hash)
        await again.uploader.forget(large, session)
        assert ledger.load_session(large.content_hash) is None
        ledger.close()

    assert arrived == 3 * CHUNK
    assert sum(call.received for call in emulator.calls[before:] if call.route == APPEND) == 9 * BLOCK + 5 - arrived
    assert isinstance(result, RemoteFile)
    assert result.content_hash == large.content_hash


async def test_two_runs_with_the_same_large_content_have_a_session_each(emulator, tmp_path):
    """One session can be committed once: the second run would become visible without that file."""
    large = content(1, 5 * BLOCK + 5)
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    async with connected(emulator) as api:
        uploader = Uploader(api, chunk_size=CHUNK, connections=3, ledger=ledger)
        one, two = RunSessions(uploader, by_hash(large)), RunSessions(uploader, by_hash(large))
        await asyncio.gather(one.prepare([large.content_hash]), two.prepare([large.content_hash] * 2))
        sessions = [*one.ready[large.content_hash], *two.ready[large.content_hash]]
        results = [await store(api, each, f"/{i}", large.content_hash) for i, each in enumerate((one, two, two))]
        noted = ledger.load_session(large.content_hash)
        for session in sessions:
            await uploader.forget(large, session)
    left = ledger.load_session(large.content_hash)
    ledger.close()

    assert len(set(sessions)) == 3
    assert all(isinstance(result, RemoteFile) for result in results)
    assert noted is not None
    assert noted.session_id in sessions
    assert left is None


async def test_a_session_that_dropbox_forgot_is_begun_anew(emulator, tmp_path):
    large = content(1, 3 * BLOCK)
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    ledger.save_session(large.content_hash, "pid_upload_session:long-gone", CHUNK)
    ledger.piece_done(large.content_hash, 0)
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=2, ledger=ledger), by_hash(large))
        await sessions.prepare([large.content_hash])
        result = await store(api, sessions, "/model.bin", large.content_hash)
    ledger.close()

    assert isinstance(result, RemoteFile)
    assert result.content_hash == large.content_hash


async def test_another_chunk_size_after_a_restart_goes_on_with_the_old_pieces(emulator, tmp_path):
    large = content(1, 6 * BLOCK)
    emulator.faults.add(Fault(route=APPEND, kind="refuse", call=2, times=None))
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=BLOCK, connections=1, ledger=ledger), by_hash(large))
        with pytest.raises(TryAgain):
            await sessions.prepare([large.content_hash])
    emulator.faults.clear()

    async with connected(emulator) as api:
        again = RunSessions(Uploader(api, chunk_size=CHUNK, connections=1, ledger=ledger), by_hash(large))
        await again.prepare([large.content_hash])
        result = await store(api, again, "/model.bin", large.content_hash)
    ledger.close()

    assert isinstance(result, RemoteFile)
    assert result.content_hash == large.content_hash


async def test_the_others_in_a_call_do_not_suffer_for_a_file_that_shrank(emulator, tmp_path):
    good = content(1, 3000)
    path = tmp_path / "shrinks"
    path.write_bytes(b"x" * 2000)
    with path.open("rb") as file:
        shrunk = Content(file.fileno(), fingerprint(b"x" * 2000))
        path.write_bytes(b"x" * 10)
        async with connected(emulator) as api:
            uploader = Uploader(api, chunk_size=CHUNK, connections=1)
            fine, ill = RunSessions(uploader, by_hash(good)), RunSessions(uploader, by_hash(shrunk))

            outcomes = await asyncio.gather(
                fine.prepare([good.content_hash]), ill.prepare([shrunk.content_hash]), return_exceptions=True
            )

            assert outcomes[0] is None
            assert isinstance(outcomes[1], Rejected)
            assert isinstance(await store(api, fine, "/fine", good.content_hash), RemoteFile)


async def test_a_cancelled_run_does_not_take_along_those_it_shared_a_call_with(emulator):
    held = emulator.faults.add(Fault(route=APPEND_BATCH, kind="hold"))
    contents = [content(number, 1000) for number in range(6)]
    async with connected(emulator) as api:
        uploader = Uploader(api, chunk_size=CHUNK, connections=1)
        first, second = RunSessions(uploader, by_hash(*contents[:3])), RunSessions(uploader, by_hash(*contents[3:]))
        leader = asyncio.create_task(first.prepare(list(first.contents)))
        follower = asyncio.create_task(second.prepare(list(second.contents)))
        await held.reached.wait()
        leader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leader
        held.release()

        await follower

        assert all(len(ids) == 1 for ids in second.ready.values())
        for hash_ in second.contents:
            assert isinstance(await store(api, second, f"/{hash_}", hash_), RemoteFile)


async def test_commits_that_wait_for_one_under_way_share_the_next_call(emulator):
    held = emulator.faults.add(Fault(route=FINISH, kind="hold"))
    contents = [content(number, 100) for number in range(6)]
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=2), by_hash(*contents))
        await sessions.prepare(list(sessions.contents))
        changes = Changes(api, lambda _: 0.0)

        async def commit(each: Content) -> RemoteFile | StoreError:
            entry = CommitEntry(sessions.use(each.content_hash), 100, f"/{each.content_hash}", TRAINED)
            return (await changes.commit([entry]))[0]

        tasks = [asyncio.create_task(commit(each)) for each in contents]
        await held.reached.wait()
        held.release()
        results = await asyncio.gather(*tasks)

    assert all(isinstance(result, RemoteFile) for result in results)
    assert [len(call.argument["entries"]) for call in emulator.calls if call.route == FINISH] == [1, 5]


async def test_only_entries_that_found_the_lock_taken_are_repeated():
    calls: list[list[str]] = []

    async def change(entries):
        calls.append(list(entries))
        return [TryAgain("locked") if len(calls) == 1 and entry == "b" else Unknown(entry) for entry in entries]

    batches: Batches[str] = Batches(change, Turn().urgent, lambda _: 0.0)

    results = await batches.submit(["a", "b", "c"])

    assert calls == [["a", "b", "c"], ["b"]]
    assert [str(result) for result in results] == ["a", "b", "c"]


async def test_a_call_that_fails_as_a_whole_is_not_repeated_for_its_entries():
    calls: list[list[str]] = []

    async def change(entries):
        calls.append(list(entries))
        raise TryAgain("out of order")

    results = await Batches[str](change, Turn().urgent, lambda _: 0.0).submit(["a", "b"])

    assert len(calls) == 1
    assert [str(result) for result in results] == ["out of order"] * 2


async def test_more_than_a_thousand_entries_wait_for_several_calls_and_all_are_answered():
    sizes: list[int] = []

    async def change(entries):
        sizes.append(len(entries))
        await asyncio.sleep(0)
        return [Unknown(entry) for entry in entries]

    batches: Batches[str] = Batches(change, Turn().urgent, lambda _: 0.0)

    answers = await asyncio.gather(*[batches.submit([f"{run}.{n}" for n in range(7)]) for run in range(400)])

    assert [str(answer[3]) for answer in answers] == [f"{run}.3" for run in range(400)]
    assert max(sizes) <= 1000
    assert len(sizes) < 10


async def test_a_lost_answer_is_unknown_for_every_entry_and_the_next_call_goes_on():
    answers = iter([Unknown("reply lost"), None])

    async def change(entries):
        answer = next(answers)
        if answer is not None:
            raise answer
        return [Unknown("second") for _ in entries]

    batches: Batches[str] = Batches(change, Turn().urgent, lambda _: 0.0)

    assert [str(result) for result in await batches.submit(["a", "b"])] == ["reply lost"] * 2
    assert [str(result) for result in await batches.submit(["c"])] == ["second"]


async def test_changes_of_all_kinds_take_turns(emulator):
    overlapping = []
    contents = [content(number, 100) for number in range(12)]
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=4), by_hash(*contents))
        await sessions.prepare(list(sessions.contents))
        changes = Changes(api, lambda _: 0.0)
        for each in contents:
            hash_ = each.content_hash
            overlapping.append(changes.commit([CommitEntry(sessions.use(hash_), 100, f"/{hash_}", TRAINED)]))
        await asyncio.gather(*overlapping)

    spans = sorted((call.started, call.ended) for call in emulator.calls if call.route == FINISH)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


async def test_who_is_in_a_hurry_goes_first_and_a_cancelled_waiter_is_passed_over():
    turn, order = Turn(), list[str]()
    begin = asyncio.Event()

    async def hold(name, line):
        async with line():
            order.append(name)
            await begin.wait()

    tasks = [asyncio.create_task(hold("first", turn.urgent))]
    await asyncio.sleep(0)
    for name, line in (("copy", turn.leisurely), ("commit", turn.urgent), ("late commit", turn.urgent)):
        tasks.append(asyncio.create_task(hold(name, line)))
    await asyncio.sleep(0)
    tasks[2].cancel()
    begin.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert order == ["first", "late commit", "copy"]
    async with turn.leisurely():
        pass


async def test_what_is_on_its_way_already_is_waited_for_and_not_sent_again(emulator):
    contents = [content(number, 10_000) for number in range(3)]
    wanted = [each.content_hash for each in contents]
    held = emulator.faults.add(Fault(route=APPEND_BATCH, kind="hold"))
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=4), by_hash(*contents))
        ahead = asyncio.create_task(sessions.prepare(wanted[:2]))
        await held.reached.wait()
        preparing = asyncio.create_task(sessions.prepare(wanted))
        await eventually(lambda: len(appends(emulator)) == 1, "the third by itself")
        held.release()
        await asyncio.gather(ahead, preparing)

    assert {hash_: len(ids) for hash_, ids in sessions.ready.items()} == dict.fromkeys(wanted, 1)
    assert received(emulator) == 30_000


async def test_what_was_cancelled_on_its_way_is_sent_by_who_waited_for_it(emulator):
    contents = [content(number, 10_000) for number in range(2)]
    wanted = [each.content_hash for each in contents]
    held = emulator.faults.add(Fault(route=APPEND_BATCH, kind="hold"))
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=4), by_hash(*contents))
        ahead = asyncio.create_task(sessions.prepare(wanted))
        await held.reached.wait()
        waiting = asyncio.create_task(sessions.prepare(wanted))
        await asyncio.sleep(0)
        ahead.cancel()
        await waiting
        held.release()

    assert ahead.cancelled()
    assert sorted(sessions.ready) == sorted(wanted)


async def test_what_failed_on_its_way_is_sent_by_who_waited_for_it(emulator):
    contents = [content(number, 10_000) for number in range(2)]
    wanted = [each.content_hash for each in contents]
    emulator.faults.add(Fault(route=APPEND_BATCH, kind="access"))
    async with connected(emulator) as api:
        sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=4), by_hash(*contents))
        results = await asyncio.gather(*[sessions.prepare(wanted) for _ in range(2)], return_exceptions=True)

    assert isinstance(results[0], StoreError)
    assert results[1] is None
    assert sorted(sessions.ready) == sorted(wanted)


async def test_what_was_sent_of_a_large_file_leaves_the_page_cache(emulator, tmp_path):
    data = random.Random(1).randbytes(3 * CHUNK)
    (tmp_path / "model").write_bytes(data)
    fd = os.open(tmp_path / "model", os.O_RDONLY)
    os.fsync(fd)
    large = Content(fd, fingerprint(data))
    assert os.preadv(fd, [bytearray(10)], CHUNK, os.RWF_NOWAIT) == 10
    async with connected(emulator) as api:
        await RunSessions(Uploader(api, chunk_size=CHUNK, connections=4), by_hash(large)).prepare(
            [large.content_hash]
        )
    with pytest.raises(BlockingIOError):
        os.preadv(fd, [bytearray(10)], CHUNK, os.RWF_NOWAIT)
    assert os.pread(fd, len(data), 0) == data
    os.close(fd)


async def test_a_small_file_that_was_written_to_after_it_was_hashed_does_not_arrive(emulator, tmp_path):
    good, data = content(1, 20_000), random.Random(2).randbytes(30_000)
    path = tmp_path / "candles"
    path.write_bytes(data)
    with path.open("rb") as file:
        changed = Content(file.fileno(), fingerprint(data))
        with path.open("r+b") as writer:
            writer.seek(10_000)
            writer.write(b"other")
        async with connected(emulator) as api:
            sessions = RunSessions(Uploader(api, chunk_size=CHUNK, connections=1), by_hash(good, changed))
            with pytest.raises(Rejected, match="written to"):
                await sessions.prepare([good.content_hash, changed.content_hash])
            await sessions.prepare([good.content_hash])

    assert not sessions.ready[changed.content_hash]
    assert len(sessions.ready[good.content_hash]) == 1
