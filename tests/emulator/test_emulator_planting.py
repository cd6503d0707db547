"""Files that were always there."""

from __future__ import annotations

import os
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from emulator_caller import Caller

from huracan_spool.emulator import Emulator, Plant
from huracan_spool.emulator.failures import WriteFailure

AT = datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC)
TREE = {
    "/Huracan/SOL-USDT/model/model.bin": b"a model",
    "/Huracan/SOL-USDT/results/trades.csv": b"",
    "/Huracan/caf\u00e9/Model.bin": b"a model",
    "/decomposed/cafe\u0301": b"",
    "/top": b"1",
}


def plants(tree: dict[str, bytes]) -> list[Plant]:
    return [Plant(path, data, AT) for path, data in tree.items()]


async def listing(caller: Caller) -> list[dict[str, Any]]:
    """Without what is different in every account."""
    answer = await caller.rpc("files/list_folder", {"path": "", "recursive": True})
    return [
        {name: each for name, each in entry.items() if name not in {"id", "rev", "server_modified"}}
        for entry in answer.value["entries"]
    ]


async def test_what_was_planted_looks_like_what_was_uploaded(caller: Caller) -> None:
    caller.emulator.plant(plants(TREE))
    planted = await listing(caller), {path: view.read() for path, view in caller.emulator.tree().items()}
    usage = (await caller.rpc("users/get_space_usage", None)).value["used"]
    totals = (await caller.send("GET", "/__emulator__/totals")).value
    await caller.rpc("files/delete_v2", {"path": "/Huracan"})
    await caller.rpc("files/delete_v2", {"path": "/decomposed"})
    for path, data in TREE.items():
        caller.emulator.put(path, data, AT)

    assert (await listing(caller), {path: view.read() for path, view in caller.emulator.tree().items()}) == planted
    assert (usage, totals["files"]) == (15, 5)


async def test_planting_is_silent(caller: Caller) -> None:
    cursor = (await caller.rpc("files/list_folder/get_latest_cursor", {"path": "", "recursive": True})).value
    caller.emulator.plant(plants(TREE))

    changes = await caller.rpc("files/list_folder/continue", cursor)

    assert (changes.value["entries"], caller.emulator.writes) == ([], [])


async def test_equal_contents_are_held_once_and_not_on_disk(emulator: Emulator) -> None:
    emulator.plant(plants(TREE))

    one, other = (emulator.tree()[path].content for path in TREE if path.endswith("odel.bin"))
    assert one is other
    assert os.listdir(emulator.ca_file.parent / "pieces") == []


async def test_what_was_planted_can_be_read_and_changed(caller: Caller) -> None:
    caller.emulator.plant(plants(TREE))
    old = (await caller.rpc("files/get_metadata", {"path": "/TOP"})).value
    await caller.put("/top", b"22", mode={".tag": "update", "update": old["rev"]})
    moved = await caller.rpc("files/move_v2", {"from_path": "/Huracan/SOL-USDT", "to_path": "/sol"})
    packed = await caller.download("/sol", route="files/download_zip")

    reads = [(await caller.download(path)).text for path in ("/top", f"rev:{old['rev']}", old["id"])]
    assert reads == ["22", "1", "22"]
    assert moved.status == 200
    with zipfile.ZipFile(BytesIO(packed.data)) as archive:
        assert archive.read("sol/model/model.bin") == b"a model"


async def test_more_is_planted_into_the_same_folders_whatever_their_case(caller: Caller) -> None:
    await caller.put("/huracan/Old", b"x")
    await caller.rpc("files/delete_v2", {"path": "/huracan/old"})
    caller.emulator.plant(plants({"/HURACAN/old": b"y"}))
    caller.emulator.plant(plants({"/Huracan/new": b"z"}))

    assert list(caller.emulator.tree()) == ["/huracan/new", "/huracan/old"]
    listed = await caller.rpc("files/list_folder", {"path": "", "recursive": True, "include_deleted": True})
    assert {entry[".tag"] for entry in listed.value["entries"]} == {"file", "folder"}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/a/../b", "malformed_path"),
        ("/a//b", "malformed_path"),
        ("a", "malformed_path"),
        ("/a/thumbs.db", "disallowed_name"),
        ("/taken", "conflict"),
        ("/taken/below", "conflict"),
    ],
)
async def test_what_can_not_be_planted(emulator: Emulator, path: str, why: str) -> None:
    emulator.plant(plants({"/taken": b""}))

    with pytest.raises(WriteFailure, match=why):
        emulator.plant(plants({path: b"x"}))


async def test_many_files_are_listed_in_pages_that_cost_no_memory(caller: Caller) -> None:
    names = [f"/{number // 1000:02}/{number % 1000:03}" for number in range(5000)]
    caller.emulator.plant(Plant(name, b"same", AT) for name in names)

    answer = await caller.rpc("files/list_folder", {"path": "", "recursive": True, "limit": 2000})
    found, sizes = answer.value["entries"], [len(answer.value["entries"])]
    while answer.value["has_more"]:
        answer = await caller.rpc("files/list_folder/continue", {"cursor": answer.value["cursor"]})
        found += answer.value["entries"]
        sizes.append(len(answer.value["entries"]))

    assert [entry["path_lower"] for entry in found if entry[".tag"] == "file"] == names
    assert sizes == [2000, 2000, 1005]
