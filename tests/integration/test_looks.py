"""Looking at folders that change, of any length, with as few calls as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from emulated_dropbox import connected

from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.errors import Unreachable
from huracan_spool.stores.dropbox import looks
from huracan_spool.stores.dropbox.api import DropboxApi, MoveEntry
from huracan_spool.stores.dropbox.looks import Looks

DATE = "/m/2025-11-12"
LIST = "files/list_folder"
CONTINUE = "files/list_folder/continue"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(EmulatorOptions(http=("127.0.0.1", 0), https=None)) as emulator:
        yield emulator


@pytest.fixture
async def api(emulator: Emulator) -> AsyncIterator[DropboxApi]:
    async with connected(emulator) as api:
        yield api


def routes(emulator: Emulator) -> list[str]:
    return [call.route for call in emulator.calls]


async def names(looks: Looks, *symbols: str) -> list[list[str]]:
    found = await asyncio.gather(*[looks.files_in(f"{DATE}/{symbol}") for symbol in symbols])
    return [sorted(file.path.removeprefix(f"{DATE}/") for file in files) for files in found]


async def followed(api: DropboxApi) -> Looks:
    """Looks that follow the date: the first to ask did not know of the others."""
    looks = Looks(api)
    await names(looks, "P", "Q", "R")
    return looks


async def test_runs_of_one_date_share_a_call_and_then_ask_for_changes_only(emulator, api):
    for symbol in ("A", "B", "AB"):
        emulator.put(f"{DATE}/{symbol}/x", symbol.encode())
    looks = Looks(api)
    assert await names(looks, "A", "B", "AB", "none") == [["A/x"], ["B/x"], ["AB/x"], []]
    assert routes(emulator) == [LIST, LIST]  # the first to come did not wait for the others

    emulator.put(f"{DATE}/B/y", b"y")
    emulator.calls.clear()
    assert await names(looks, "B") == [["B/x", "B/y"]]
    assert routes(emulator) == [CONTINUE]


async def test_a_date_of_many_pages_is_listed_once(emulator, api):
    for number in range(4100):
        emulator.put(f"{DATE}/{number % 7}/{number}", b"x")
    looks = await followed(api)
    emulator.calls.clear()
    found = await names(looks, *"0123456")
    assert sum(map(len, found)) == 4100
    assert set(routes(emulator)) == {CONTINUE}


async def test_what_moves_while_the_pages_are_read_is_found_where_it_is_then(emulator, api):
    looks = await followed(api)
    for number in range(2500):
        emulator.put(f"{DATE}/b/{number}", b"x")
    emulator.put(f"{DATE}/z/last", b"last")
    held = emulator.faults.add(Fault(route=CONTINUE, kind="hold"))
    looking = asyncio.create_task(names(looks, "z", "a"))
    await held.reached.wait()
    async with connected(emulator) as other:
        await other.move_batch([MoveEntry(f"{DATE}/z/last", f"{DATE}/a/first")])
    held.release()
    assert await looking == [[], ["a/first"]]


async def test_a_date_that_was_deleted_and_made_again_is_listed_again(emulator, api):
    emulator.put(f"{DATE}/A/x", b"x")
    looks = await followed(api)
    assert await names(looks, "A", "B") == [["A/x"], []]
    await api.move_batch([MoveEntry(DATE, "/elsewhere")])
    assert await names(looks, "A", "B") == [[], []]
    emulator.put(f"{DATE}/B/y", b"y")
    assert await names(looks, "A", "B") == [[], ["B/y"]]


async def test_a_cursor_that_was_reset_is_replaced(emulator, api):
    emulator.put(f"{DATE}/A/x", b"x")
    looks = await followed(api)
    emulator.put(f"{DATE}/B/y", b"y")
    emulator.faults.add(Fault(route=CONTINUE, kind="error", tag="reset"))
    assert await names(looks, "A", "B") == [["A/x"], ["B/y"]]


async def test_after_a_page_that_can_not_be_read_nothing_is_missing(emulator, api):
    looks = await followed(api)
    for number in range(4100):
        emulator.put(f"{DATE}/A/{number}", b"x")
    emulator.faults.add(Fault(route=CONTINUE, kind="html", call=2, times=None))
    with pytest.raises(Unreachable):
        await names(looks, "A", "B")
    emulator.faults.clear()
    assert [len(files) for files in await names(looks, "A", "B")] == [4100, 0]


async def test_a_date_too_long_to_be_kept_is_looked_at_folder_by_folder(emulator, api, monkeypatch):
    monkeypatch.setattr(looks, "MOST_FOLLOWED", 3)
    for symbol in "ABCD":
        emulator.put(f"{DATE}/{symbol}/x", b"x")
    view = Looks(api)
    await names(view, "A", "B", "C", "D")
    emulator.calls.clear()
    assert await names(view, "A", "D") == [["A/x"], ["D/x"]]
    assert {call.argument["path"] for call in emulator.calls} == {f"{DATE}/A", f"{DATE}/D"}


async def test_dates_that_are_too_long_together_make_room(emulator, api, monkeypatch):
    monkeypatch.setattr(looks, "MOST_FOLLOWED", 3)
    view = Looks(api)
    for date in ("1", "2"):
        for symbol in "AB":
            emulator.put(f"/m/{date}/{symbol}/x", b"x")
        await asyncio.gather(*[view.files_in(f"/m/{date}/{symbol}") for symbol in "ABC"])
    emulator.calls.clear()
    assert len(await view.files_in("/m/2/A")) == len(await view.files_in("/m/1/A")) == 1
    assert routes(emulator) == [CONTINUE, LIST]
