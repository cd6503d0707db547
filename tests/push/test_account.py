"""What counts as being in the account already: what a listing proves, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from archives import archive, bytes_below, planned
from in_process import tools

from huracan_spool import layout
from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.errors import TryAgain
from huracan_spool.pushing.account import Account, Area, Seen, TooLong
from huracan_spool.pushing.archive import ArchivedRun, Day, Wanted, days, look_at
from support.runs import Run, make_run

HASH = "ab" * 32
PLACE = "/Huracan/models/training/2025-11-12/SOL-USDT/metrics/training_metrics.json"


def entry(path: str, content_hash: str = HASH) -> dict[str, Any]:
    return {
        ".tag": "file",
        "name": path.rpartition("/")[2],
        "id": "id:aaaaaaaaaaaaaaaaaaaaaa",
        "client_modified": "2025-11-12T16:49:20Z",
        "server_modified": "2025-11-12T16:49:20Z",
        "rev": "0123456789abcdef",
        "size": 3,
        "path_lower": path.lower(),
        "path_display": path,
        "content_hash": content_hash,
    }


def deleted(path: str) -> dict[str, Any]:
    return {
        ".tag": "deleted",
        "name": path.rpartition("/")[2],
        "path_lower": path.lower(),
        "path_display": path,
    }


def seen(*entries: object) -> Seen:
    found = Seen("/Huracan", 10)
    for each in entries:
        found.take(each)
    return found


def test_a_file_is_there_by_its_path_in_any_case_and_its_hash() -> None:
    found = seen(entry(PLACE.replace("SOL", "Sol")))

    assert found.has(PLACE.removeprefix("/Huracan/"), HASH)
    assert not found.has(PLACE.removeprefix("/Huracan/"), "cd" * 32)
    assert not found.has(PLACE.removeprefix("/Huracan/") + "x", HASH)


@pytest.mark.parametrize("gone", [PLACE, PLACE.rpartition("/")[0], "/Huracan/models"])
def test_what_was_deleted_since_is_not_there(gone: str) -> None:
    assert not seen(entry(PLACE), deleted(gone)).has(PLACE.removeprefix("/Huracan/"), HASH)


def test_a_deleted_neighbour_changes_nothing() -> None:
    neighbours = (deleted(PLACE + ".old"), deleted(PLACE.replace("SOL-USDT", "SOL")))

    assert seen(entry(PLACE), *neighbours).has(PLACE.removeprefix("/Huracan/"), HASH)


def test_a_day_is_begun_by_any_file_in_it() -> None:
    found = seen(entry(PLACE))

    assert found.has_any_of(Day("2025-11-12", "SOL-USDT", Path()))
    assert not found.has_any_of(Day("2025-11-12", "SOL", Path()))
    assert not found.has_any_of(Day("2025-11-13", "SOL-USDT", Path()))


def test_what_can_t_be_read_and_what_is_too_long_is_no_listing() -> None:
    with pytest.raises(ValueError, match="listing"):
        seen("entry")
    with pytest.raises(ValueError, match="deleted"):
        seen({".tag": "deleted", "name": "x"})
    with pytest.raises(TooLong):
        seen(*[entry(f"{PLACE}{number}") for number in range(11)])


async def test_a_long_account_is_listed_by_the_parts_that_are_asked_for(tmp_path: Path) -> None:
    async with Emulator(EmulatorOptions(https=None)) as emulator, tools(tmp_path, emulator) as used:
        for day in range(10, 30):
            emulator.put(f"/Huracan/models/training/2025-11-{day}/SOL-USDT/metrics/training_metrics.json", b"{}")
        for most, at_hand, calls in ((1000, True, 2), (20, False, 3)):
            area = Area(used.api, "/Huracan", layout.TRAINING, most)
            before = len(emulator.calls)
            await area.look()
            assert (area.at_hand("2025-11-12") is not None) == at_hand
            for _ in range(3):
                part = await area.fetch("2025-11-12")
            assert part.has_any_of(Day("2025-11-12", "SOL-USDT", Path()))
            assert _listings(emulator, before) <= calls


@pytest.mark.parametrize("times", [2, 3])
async def test_a_listing_that_must_begin_anew_does_so_a_few_times(tmp_path: Path, times: int) -> None:
    reset = Fault(route="files/list_folder", kind="error", error={".tag": "reset"}, times=times)
    async with Emulator(EmulatorOptions(https=None)) as emulator, tools(tmp_path, emulator) as used:
        emulator.put(PLACE, b"{}")
        emulator.faults.add(reset)
        area = Area(used.api, "/Huracan", layout.TRAINING, 1000)
        if times == 3:
            with pytest.raises(TryAgain, match="changes faster"):
                await area.look()
        else:
            await area.look()
            found = area.at_hand("2025-11-12")
            assert found
            assert found.has_any_of(Day("2025-11-12", "SOL-USDT", Path()))


def _listings(emulator: Emulator, since: int) -> int:
    return sum(call.route.startswith("files/list_folder") for call in emulator.calls[since:])


async def _archived(root: Path, this: Run | None = None) -> tuple[Day, ArchivedRun]:
    await archive(root, [this or make_run()])
    [day] = days(root, Wanted())
    [run] = look_at(day).runs
    return day, run


@pytest.mark.parametrize("base", ["", "superseded/"])
async def test_a_run_is_there_as_the_latest_or_as_an_earlier_one(tmp_path: Path, base: str) -> None:
    day, run = await _archived(tmp_path / "Huracan")
    folder = f"/Huracan/{layout.TRAINING}/{day.name}/"
    if base:
        base = layout.superseded_folder(run.known.key.timestamp, run.known.key.digest)
    async with Emulator(EmulatorOptions(https=None)) as emulator, tools(tmp_path, emulator) as used:
        files = bytes_below(tmp_path / "Huracan")
        for path, data in files.items():
            emulator.put(path.replace(folder, folder + base), data)

        assert await _has(used.api, day, run)


async def test_any_file_that_is_not_right_there_makes_it_incomplete(tmp_path: Path) -> None:
    day, run = await _archived(tmp_path / "Huracan")
    files = bytes_below(tmp_path / "Huracan")
    assert len(files) == 7
    for path in files:
        async with Emulator(EmulatorOptions(https=None)) as emulator, tools(tmp_path, emulator) as used:
            for other, data in files.items():
                emulator.put(other, data + b" " if other == path else data)

            assert not await _has(used.api, day, run), path


async def test_the_shared_candles_may_have_their_other_name(tmp_path: Path) -> None:
    this = make_run()
    day, run = await _archived(tmp_path / "Huracan", this)
    plain, other = planned(this, "train-07").shared_candles()
    async with Emulator(EmulatorOptions(https=None)) as emulator, tools(tmp_path, emulator) as used:
        for path, data in bytes_below(tmp_path / "Huracan").items():
            emulator.put(path.replace(plain, other), data)
        emulator.put(f"/Huracan/{plain}", b"another run's, of the same second")

        assert await _has(used.api, day, run)


async def _has(api: Any, day: Day, run: ArchivedRun) -> bool:
    account = Account(api, "Huracan", 1, 1)
    await account.look()
    there = account.at_hand(day)
    assert there is not None
    return there.has(run)
