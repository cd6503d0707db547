"""The Dropbox store when calls go wrong: nothing twice, nothing lost, no more sent than needed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from places import APPEND, APPEND_BATCH, CHUNK, FINISH, LIST, MOVE, START, DropboxPlace, calls, place_with
from planned_runs import FIVE, MIDDLE, NEWER, OLDER, RECORD, again, bytes_of, expected_tree, planned
from structlog.testing import capture_logs

from huracan_spool.emulator import Fault
from huracan_spool.errors import NeedsPerson, Refused, StoreError
from huracan_spool.manifest import Kind
from huracan_spool.stores.base import PlannedRun, Store


@pytest.fixture
async def place() -> AsyncIterator[DropboxPlace]:
    async with place_with() as place:
        yield place


def committed(place: DropboxPlace) -> list[list[str]]:
    """The paths of each commit call, without what all of them begin with."""
    return [
        [entry["commit"]["path"].rpartition("/")[2] for entry in arg["entries"]] for arg in calls(place, FINISH)
    ]


def added(place: DropboxPlace) -> list[str]:
    return [write.path for write in place.emulator.writes if write.op == "add"]


async def put_until_stored(store: Store, run: PlannedRun, times: int = 8) -> list[StoreError]:
    """As the daemon does: every attempt after the first knows that there was one. Returns what was raised."""
    errors: list[StoreError] = []
    while len(errors) < times:
        try:
            await store.put(again(run) if errors else run)
        except StoreError as error:
            errors.append(error)
        else:
            return errors
    raise AssertionError(f"not stored after {times} attempts: {errors}")


# -- any fault at any call


async def all_three(place: DropboxPlace) -> list[StoreError]:
    """Every route is used: a superseded run, a reconciliation, a large file, a shared copy."""
    store = place.store()
    return [error for run in (OLDER, NEWER, MIDDLE) for error in await put_until_stored(store, run)]


FAULTS: dict[str, dict[str, Any]] = {
    "cut in the body": {"kind": "reset_mid_body", "after_bytes": 10},
    "cut before the effect": {"kind": "reset_before"},
    "cut after the effect": {"kind": "reset_after"},
    "answer cut short": {"kind": "truncate", "after_bytes": 20},
    "a page instead": {"kind": "html"},
    "another JSON after the effect": {"kind": "wrong_json", "after_effect": True},
    "502 after the effect": {"kind": "server_error", "status": 502, "after_effect": True},
    "429": {"kind": "rate_limit", "tag": "too_many_requests", "retry_after": 15},
    "an unknown error": {"kind": "error", "tag": "brand_new"},
    "token refused": {"kind": "auth", "tag": "expired_access_token"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_at_any_call_changes_nothing_in_the_end(fault: dict[str, Any]) -> None:
    """Each call of the whole sequence in turn goes wrong once."""
    expected = expected_tree(OLDER, MIDDLE, NEWER)
    async with place_with() as place:
        await all_three(place)
        assert place.tree() == expected
        routes = dict.fromkeys(call.route for call in place.emulator.calls)
        assert {START, APPEND, APPEND_BATCH, FINISH, MOVE, LIST} <= routes.keys()
        length = {route: sum(call.route == route for call in place.emulator.calls) for route in routes}
        for route in routes:
            for call in sorted({1, length[route]}):
                app_folder = f"{route.replace('/', '-')}-{call}"
                spoiled = place.emulator.faults.add(Fault(route=route, call=call, **fault))
                store = place.store(app_folder)

                errors = [e for run in (OLDER, NEWER, MIDDLE) for e in await put_until_stored(store, run)]

                place.emulator.faults.clear()
                assert place.tree(app_folder) == expected, (route, call, errors)
                assert spoiled.hits or call > 1
                assert len(errors) <= 1


# -- commits


@pytest.mark.parametrize("finished_session", ["gone", "replayed", "closed"])
@pytest.mark.parametrize("fault", ["cut after the effect", "502 after the effect"])
async def test_a_commit_whose_answer_is_lost_is_looked_up_and_not_repeated(
    finished_session: str, fault: str
) -> None:
    run = planned()
    async with place_with(finished_session=finished_session) as place:
        place.emulator.faults.add(Fault(route=FINISH, **FAULTS[fault]))

        stored = await place.store().put(run)

        assert place.tree() == expected_tree(run)
        assert len(calls(place, FINISH)) == 1
        assert len(calls(place, LIST)) == 1
        assert sorted(added(place)) == sorted(place.emulator.tree())
        assert stored.bytes_sent == sum(map(len, bytes_of(run).values())) + len(FIVE[Kind.CANDLES])


async def test_a_commit_that_never_arrived_is_made_again_without_sending_the_bytes_again(
    place: DropboxPlace,
) -> None:
    run = planned()
    place.emulator.faults.add(Fault(route=FINISH, kind="reset_before"))

    stored = await place.store().put(run)

    assert place.tree() == expected_tree(run)
    assert stored.bytes_sent == sum(map(len, bytes_of(run).values())) + len(FIVE[Kind.CANDLES])
    assert len(calls(place, APPEND_BATCH)) == 1


TAKEN = [
    {".tag": "too_many_write_operations"},
    {".tag": "path", "path": {".tag": "too_many_write_operations"}},
]


@pytest.mark.parametrize("error", TAKEN, ids=["top level", "below path"])
async def test_only_the_entries_that_found_the_lock_taken_are_committed_again(
    place: DropboxPlace, error: Any
) -> None:
    run = planned()
    place.emulator.faults.add(Fault(route=FINISH, kind="entries", entries={1: error, 4: error}))

    await place.store().put(run)

    first, second = committed(place)
    assert second == [first[1], first[4]]
    assert place.tree() == expected_tree(run)


async def test_the_record_travels_in_the_commit_of_the_files(place: DropboxPlace) -> None:
    """The files of a run become visible in one call (contract, promise 3); the look comes afterwards."""
    run = planned()

    await place.store().put(run)

    [paths] = committed(place)
    assert paths[0] == RECORD.rpartition("/")[2]
    assert len(paths) == 7
    assert [call.route for call in place.emulator.calls] == [START, APPEND_BATCH, FINISH, LIST]


LOST = [
    {".tag": "lookup_failed", "lookup_failed": {".tag": "not_found"}},
    {".tag": "lookup_failed", "lookup_failed": {".tag": "incorrect_offset", "correct_offset": 0}},
    {".tag": "lookup_failed", "lookup_failed": {".tag": "not_closed"}},
]


@pytest.mark.parametrize("error", LOST, ids=["forgotten", "without its bytes", "not closed"])
async def test_a_session_lost_before_its_commit_is_sent_again_alone(place: DropboxPlace, error: Any) -> None:
    run = planned()
    place.emulator.faults.add(Fault(route=FINISH, kind="entries", entries={2: error}))

    stored = await place.store().put(run)

    first, second = committed(place)
    assert second == [first[2]]
    assert place.tree() == expected_tree(run)
    sent_twice = bytes_of(run)[[*bytes_of(run)][2]]
    once = sum(map(len, bytes_of(run).values())) + len(FIVE[Kind.CANDLES])
    assert stored.bytes_sent == once + len(sent_twice)


async def test_bytes_that_are_refused_leave_the_run_before_in_its_place(place: DropboxPlace) -> None:
    store = place.store()
    await store.put(OLDER)
    before = place.tree()
    place.emulator.faults.add(Fault(route=APPEND_BATCH, kind="entries", entries={0: {".tag": "too_large"}}))

    with pytest.raises(Refused):
        await store.put(NEWER)

    assert place.tree() == before
    await store.put(again(NEWER))
    assert place.tree() == expected_tree(OLDER, NEWER)


async def test_sessions_that_are_never_kept_are_given_up_for_now(place: DropboxPlace) -> None:
    place.emulator.faults.add(Fault(route=FINISH, kind="entries", times=None, entries={0: LOST[0]}))

    with pytest.raises(StoreError, match="sessions"):
        await place.store().put(planned())


NO_SPACE = {".tag": "path", "path": {".tag": "insufficient_space"}}


async def test_a_full_account_needs_a_person_and_loses_no_bytes_that_are_across(place: DropboxPlace) -> None:
    run, store = planned(FIVE | {Kind.MODEL: b"\1" * (2 * CHUNK + 5)}), place.store()
    place.emulator.faults.add(Fault(route=FINISH, kind="entries", entries=dict.fromkeys(range(7), NO_SPACE)))
    with pytest.raises(NeedsPerson) as caught:
        await store.put(run)
    assert "free some space" in caught.value.hint
    sent = sum(call.received for call in place.emulator.calls if call.route in {APPEND, APPEND_BATCH})

    await store.put(again(run))

    assert place.tree() == expected_tree(run)
    assert sum(call.received for call in place.emulator.calls if call.route in {APPEND, APPEND_BATCH}) == sent


async def test_an_account_that_is_truly_full() -> None:
    run = planned()
    async with place_with(quota_bytes=40) as place:
        with pytest.raises(NeedsPerson):
            await place.store().put(run)

        assert sum(file.size for file in place.emulator.tree().values()) <= 40


# -- bytes


@pytest.mark.parametrize(
    "fault", [{"kind": "bad_request", "body": "no such route"}, {"kind": "reply", "status": 404, "body": "unknown"}]
)
async def test_without_append_batch_files_go_one_by_one(place: DropboxPlace, fault: dict[str, Any]) -> None:
    place.emulator.faults.add(Fault(route=APPEND_BATCH, times=None, **fault))
    runs, store = [planned(), planned(symbol="BTC/USDT")], place.store()

    with capture_logs() as logged:
        for run in runs:
            await store.put(run)

    assert place.tree() == expected_tree(*runs)
    assert len(calls(place, APPEND_BATCH)) == 1
    assert [line["event"] for line in logged if line["log_level"] == "warning"] == ["append_batch_refused"]


@pytest.mark.parametrize("route", [APPEND, APPEND_BATCH])
async def test_bytes_that_arrived_damaged_are_sent_again(place: DropboxPlace, route: str) -> None:
    place.emulator.faults.add(Fault(route=route, kind="error", tag="content_hash_mismatch"))

    await place.store().put(NEWER)

    assert place.tree() == expected_tree(NEWER)


@pytest.mark.parametrize(
    "option", [{}, {"resent_piece": "incorrect_offset"}, {"retried_close": "incorrect_offset"}]
)
@pytest.mark.parametrize("append_after_close", ["closed", "accepted"])
@pytest.mark.parametrize("call", [1, 2])
async def test_a_piece_whose_answer_is_lost_is_not_there_twice(
    option: dict[str, Any], append_after_close: str, call: int
) -> None:
    """Whatever Dropbox says to the repetition; its documentation leaves that open."""
    async with place_with(append_after_close=append_after_close, **option) as place:
        place.emulator.faults.add(Fault(route=APPEND, kind="reset_after", call=call))
        place.emulator.faults.add(Fault(route=APPEND_BATCH, kind="reset_after"))

        await place.store().put(NEWER)

        assert place.tree() == expected_tree(NEWER)


async def test_a_file_that_dropbox_stored_as_something_else_is_not_taken_for_stored(place: DropboxPlace) -> None:
    """A proxy that rewrites, or a defect of ours: the hash in the answer is the proof, not the status."""
    run = planned({Kind.METRICS: b"right"})
    wrong = {"entries": [dict(_metadata(path, "0" * 64), **{".tag": "success"}) for path in bytes_of(run)]}
    place.emulator.faults.add(
        Fault(route=FINISH, kind="reply", status=200, body=json.dumps(wrong), content_type="application/json")
    )

    with pytest.raises(StoreError, match="content hash"):
        await place.store().put(run)
    await place.store().put(again(run))

    assert place.tree() == expected_tree(run)


def _metadata(path: str, hash_: str) -> dict[str, Any]:
    return {
        "name": path.rpartition("/")[2],
        "path_lower": f"/huracan/{path}",
        "path_display": f"/Huracan/{path}",
        "id": "id:AbCdEfGhIjKlMnOpQrStUv",
        "client_modified": "2025-11-12T16:49:20Z",
        "server_modified": "2025-11-12T16:58:00Z",
        "rev": "5bab4b3222c52043720ae",
        "size": 5,
        "is_downloadable": True,
        "content_hash": hash_,
    }
