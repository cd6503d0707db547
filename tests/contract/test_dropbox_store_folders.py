"""The Dropbox store in folders that are not empty, and in accounts that are not well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from places import APPEND, APPEND_BATCH, FINISH, LIST, MOVE, START, DropboxPlace, calls, dropbox_place, place_with
from planned_runs import FIVE, MIDDLE, NEWER, OLDER, again, bytes_of, day_of, expected_tree, planned, shared_candles

from huracan_spool.content_hash import content_hash
from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.errors import NeedsPerson, StoreError, Unreachable
from huracan_spool.manifest import Kind
from huracan_spool.stores.base import PlannedRun, Store
from huracan_spool.stores.dropbox.auth import Credentials


@pytest.fixture
async def place() -> AsyncIterator[DropboxPlace]:
    async with place_with() as place:
        yield place


@pytest.mark.parametrize("relocation_batches", ["job", "sync"])
@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "truncate"])
async def test_moves_whose_answer_is_lost_are_looked_up(relocation_batches: str, kind: Any) -> None:
    async with place_with(relocation_batches=relocation_batches, job_polls=3) as place:
        store = place.store()
        await store.put(OLDER)
        place.emulator.faults.add(Fault(route=MOVE, kind=kind))

        await store.put(NEWER)

        assert place.tree() == expected_tree(OLDER, NEWER)
        ids = {path: file.id for path, file in place.emulator.tree().items()}
        assert len(set(ids.values())) == len(ids)
        moved = [write.content_hash for write in place.emulator.writes if write.op == "move"]
        assert len(moved) == len(set(moved)) == len(bytes_of(OLDER)) + 1  # and the record that announced us


async def test_a_job_that_can_not_be_followed_is_looked_up(place: DropboxPlace) -> None:
    store = place.store()
    await store.put(OLDER)
    place.emulator.faults.add(Fault(route="files/move_batch/check_v2", kind="error", tag="internal_error"))

    await store.put(NEWER)

    assert place.tree() == expected_tree(OLDER, NEWER)


async def test_a_folder_of_many_pages_is_read_to_its_end(place: DropboxPlace) -> None:
    """A page has 2,000 entries at most."""
    store = place.store()
    await store.put(OLDER)
    for number in range(2100):
        place.put(f"{day_of(OLDER)}/a person's/{number:04}", b"")

    await store.put(NEWER)

    assert len(calls(place, "files/list_folder/continue")) >= 2
    assert expected_tree(OLDER, NEWER).items() <= place.tree().items()


async def test_a_superseded_run_keeps_its_files_and_nothing_of_it_is_sent_again(place: DropboxPlace) -> None:
    store = place.store()
    await store.put(OLDER)
    ids = {place.emulator.tree()[f"/Huracan/{day_of(OLDER)}/{path}"].id for path in bytes_of(OLDER)}

    stored = await store.put(NEWER)

    tree = place.emulator.tree()
    assert ids == {file.id for path, file in tree.items() if "/superseded/" in path}
    assert stored.bytes_sent <= sum(map(len, bytes_of(NEWER).values())) * 2


async def test_a_strange_host_with_a_superseded_run_leaves_copies_aside_and_changes_nothing_else(
    place: DropboxPlace,
) -> None:
    """It claims before it looks, so a file that the latest run has no place for is there twice for ever after."""
    for run in (OLDER, NEWER, planned(FIVE, OLDER.trained_at, host="train-08")):
        await place.store().put(run)

    tree, expected = place.tree(), expected_tree(OLDER, NEWER)
    copies = {path: data for path, data in tree.items() if path not in expected}
    assert expected.items() <= tree.items()
    assert all("/superseded/unknown-" in path for path in copies)
    assert set(copies.values()) <= set(bytes_of(OLDER).values())


async def test_nothing_is_ever_overwritten_or_deleted(place: DropboxPlace) -> None:
    place.put(f"{day_of(OLDER)}/model/model.bin", b"a stranger's")
    place.put(shared_candles(NEWER), b"a person's")
    before = {file.content_hash for file in place.emulator.tree().values()}
    store = place.store()
    for run in (OLDER, NEWER, MIDDLE):
        await _patiently(place, store, run)

    assert {write.op for write in place.emulator.writes} <= {"add", "move", "copy", "folder"}
    assert before <= {file.content_hash for file in place.emulator.tree().values()}


async def _patiently(place: DropboxPlace, store: Store, run: PlannedRun) -> None:
    for _ in range(3):
        try:
            await store.put(again(run))
        except StoreError as error:
            place.time.now += getattr(error, "retry_after", None) or 0.0
        else:
            return
    raise AssertionError


# -- the account


@asynccontextmanager
async def place_that_refreshes() -> AsyncIterator[DropboxPlace]:
    async with Emulator(EmulatorOptions(https=None)) as emulator:
        credentials = Credentials(refresh_token=emulator.refresh_token, app_key=emulator.app_key)
        async with dropbox_place(emulator, credentials) as place:
            yield place


@pytest.mark.parametrize("route", [START, APPEND, APPEND_BATCH, FINISH, LIST, MOVE])
async def test_a_token_that_expires_in_the_middle_is_renewed(route: str) -> None:
    async with place_that_refreshes() as place:
        store = place.store()
        await store.put(OLDER)
        place.emulator.faults.add(Fault(route=route, kind="auth", tag="expired_access_token"))
        place.emulator.expire_tokens()

        await store.put(NEWER)

        assert place.tree() == expected_tree(OLDER, NEWER)


async def test_a_revoked_log_in_needs_a_person_and_goes_on_afterwards() -> None:
    async with place_that_refreshes() as place:
        store = place.store()
        await store.put(OLDER)
        place.emulator.expire_tokens()
        place.emulator.revoke_refresh_token()
        with pytest.raises(NeedsPerson):
            await store.put(NEWER)
        with pytest.raises(NeedsPerson):
            await store.probe()

        place.emulator.restore_refresh_token()
        await store.probe()
        await store.put(again(NEWER))

        assert place.tree() == expected_tree(OLDER, NEWER)


async def test_nobody_answers() -> None:
    async with Emulator(EmulatorOptions(https=None)) as emulator:
        gone = emulator
    async with dropbox_place(gone) as place:
        with pytest.raises(Unreachable):
            await place.store().put(planned())
        with pytest.raises(Unreachable):
            await place.store().probe()


# -- names


async def test_folders_that_dropbox_shows_in_another_case_are_the_same(place: DropboxPlace) -> None:
    """Whoever made the folder first chose how it is spelled."""
    place.emulator.put("/HURACAN/Models/TRAINING/2025-11-12/sol-usdt/Superseded/readme.txt", b"a person's")
    store = place.store()

    for run in (NEWER, OLDER):
        await store.put(run)

    shown = {path.lower(): file.read() for path, file in place.emulator.tree().items()}
    wanted = {f"/huracan/{path}".lower(): data for path, data in expected_tree(OLDER, NEWER).items()}
    assert wanted.items() <= shown.items()
    assert len(shown) == len(wanted) + 1


def halves(run: PlannedRun) -> Iterator[tuple[str, bytes]]:
    yield from list(bytes_of(run).items())[1:3]


@pytest.mark.parametrize("owner_first", [True, False])
async def test_half_a_commit_of_a_host_that_died_finds_its_owner(place: DropboxPlace, owner_first: bool) -> None:
    """The other host comes back with its own run, before or after ours has given up waiting."""
    for path, data in halves(NEWER):
        place.put(f"{day_of(NEWER)}/{path}", data)
    runs: list[Callable[[], Any]] = [lambda: _patiently(place, place.store(), NEWER)]
    store = place.store()
    runs.append(lambda: _patiently(place, store, OLDER))

    for run in runs if owner_first else reversed(runs):
        await run()
    await place.store().put(again(NEWER))

    tree = {path: data for path, data in place.tree().items() if "unknown-" not in path}
    assert tree == expected_tree(OLDER, NEWER)
    assert content_hash(NEWER.artifacts[Kind.MODEL].source) in {  # type: ignore[arg-type]
        file.content_hash for file in place.emulator.tree().values()
    }
