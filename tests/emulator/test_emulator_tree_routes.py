"""Listing, reading, copying, moving, deleting."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_caller import Caller

NOT_FOUND = {".tag": "not_found"}


def within(tag: str, error: dict[str, Any]) -> dict[str, Any]:
    return {".tag": tag, tag: error}


def conflict(kind: str) -> dict[str, Any]:
    return within("conflict", {".tag": kind})


def names(answer: Any) -> list[str]:
    return [entry["path_display"] for entry in answer.value["entries"]]


async def polled(caller: Caller, route: str, launch: Any) -> Any:
    arg = {"async_job_id": launch.value["async_job_id"]}
    assert (await caller.rpc(route, arg)).value == {".tag": "in_progress"}
    return (await caller.rpc(route, arg)).value


async def test_a_listing_comes_in_pages_and_then_in_changes(caller: Caller) -> None:
    for name in ("a", "b", "c"):
        await caller.put(f"/x/{name}")
    first = await caller.rpc("files/list_folder", {"path": "/X", "limit": 2})
    second = await caller.rpc("files/list_folder/continue", {"cursor": first.value["cursor"]})
    await caller.put("/x/deep/d")
    await caller.put("/elsewhere")
    await caller.rpc("files/delete_v2", {"path": "/x/A"})
    third = await caller.rpc("files/list_folder/continue", {"cursor": second.value["cursor"]})

    assert [first.value["has_more"], second.value["has_more"], third.value["has_more"]] == [True, False, False]
    assert [names(first), names(second), names(third)] == [
        ["/x/a", "/x/b"],
        ["/x/c"],
        ["/x/deep", "/x/a"],
    ]
    assert [entry[".tag"] for entry in third.value["entries"]] == ["folder", "deleted"]


async def test_a_cursor_can_be_used_again(caller: Caller) -> None:
    for name in ("a", "b"):
        await caller.put(f"/{name}")
    first = await caller.rpc("files/list_folder", {"path": "", "limit": 1})
    pages = [
        names(await caller.rpc("files/list_folder/continue", {"cursor": first.value["cursor"]})) for _ in range(2)
    ]

    assert pages == [["/b"], ["/b"]]


async def test_the_latest_cursor_knows_changes_only(caller: Caller) -> None:
    await caller.put("/a")
    cursor = (await caller.rpc("files/list_folder/get_latest_cursor", {"path": "", "recursive": True})).value[
        "cursor"
    ]
    await caller.put("/n/b")

    assert names(await caller.rpc("files/list_folder/continue", {"cursor": cursor})) == ["/n", "/n/b"]


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(["/x", "/x/a", "/x/y", "/x/y/b"], marks=pytest.mark.options(listing_names_itself=True)),
        pytest.param(["/x/a", "/x/y", "/x/y/b"], marks=pytest.mark.options(listing_names_itself=False)),
    ],
)
async def test_a_recursive_listing(caller: Caller, expected: list[str]) -> None:
    await caller.put("/x/a")
    await caller.put("/x/y/b")

    assert names(await caller.rpc("files/list_folder", {"path": "/x", "recursive": True})) == expected


async def test_a_listing_of_a_file_or_of_what_went_away(caller: Caller) -> None:
    await caller.put("/x/a")
    cursor = (await caller.rpc("files/list_folder", {"path": "/x"})).value["cursor"]
    await caller.rpc("files/delete_v2", {"path": "/x"})
    await caller.put("/f")

    file = await caller.rpc("files/list_folder", {"path": "/f"})
    gone = await caller.rpc("files/list_folder/continue", {"cursor": cursor})

    assert file.error == {".tag": "path", "path": {".tag": "not_folder"}}
    assert gone.error == {".tag": "path", "path": {".tag": "not_found"}}


async def test_a_file_is_found_by_path_id_and_rev(caller: Caller) -> None:
    old = await caller.put("/a", b"old")
    new = await caller.put("/a", b"new", mode="overwrite")
    reads = [
        (await caller.rpc("files/get_metadata", {"path": path})).value["rev"]
        for path in ("/A", "ns:1234567890/a", new["id"], f"rev:{old['rev']}")
    ]

    assert reads == [new["rev"], new["rev"], new["rev"], old["rev"]]
    assert (await caller.download(f"rev:{old['rev']}")).text == "old"


async def test_what_was_deleted_is_told_on_request(caller: Caller) -> None:
    await caller.put("/x/A")
    await caller.rpc("files/delete_v2", {"path": "/x/a"})

    silent = await caller.rpc("files/get_metadata", {"path": "/x/a"})
    told = await caller.rpc("files/get_metadata", {"path": "/x/a", "include_deleted": True})
    listed = await caller.rpc("files/list_folder", {"path": "/x", "include_deleted": True})

    deleted = {".tag": "deleted", "name": "A", "path_lower": "/x/a", "path_display": "/x/A"}
    assert (silent.error["path"], told.value, listed.value["entries"]) == (
        {".tag": "not_found"},
        deleted,
        [deleted],
    )


@pytest.mark.parametrize(
    ("route", "arg", "error"),
    [
        ("copy_v2", {"from_path": "/none", "to_path": "/c"}, within("from_lookup", NOT_FOUND)),
        ("copy_v2", {"from_path": "/d/a", "to_path": "/b"}, within("to", conflict("file"))),
        ("move_v2", {"from_path": "/d/a", "to_path": "/D"}, within("to", conflict("folder"))),
        ("move_v2", {"from_path": "/d", "to_path": "/d/e/f"}, {".tag": "cant_move_folder_into_itself"}),
        ("copy_v2", {"from_path": "/d", "to_path": "/d/e"}, {".tag": "duplicated_or_nested_paths"}),
        ("move_v2", {"from_path": "/b", "to_path": "/b"}, {".tag": "duplicated_or_nested_paths"}),
        ("move_v2", {"from_path": "/b", "to_path": "/B"}, within("to", conflict("file"))),
        ("copy_v2", {"from_path": "/b", "to_path": "/b/x"}, within("to", conflict("file_ancestor"))),
        ("delete_v2", {"path": "/none"}, within("path_lookup", NOT_FOUND)),
        ("delete_v2", {"path": "/b", "parent_rev": "0" * 9}, within("path_write", conflict("file"))),
        ("create_folder_v2", {"path": "/D"}, within("path", conflict("folder"))),
    ],
)
async def test_the_tree_refuses(caller: Caller, route: str, arg: object, error: object) -> None:
    await caller.put("/d/a", b"a")
    await caller.put("/b", b"b")
    writes = len(caller.emulator.writes)

    answer = await caller.rpc(f"files/{route}", arg)

    assert (answer.status, answer.error, len(caller.emulator.writes)) == (409, error, writes)


async def test_a_move_keeps_the_id_and_a_copy_does_not(caller: Caller) -> None:
    value = await caller.put("/Old/a.txt", b"x")

    moved = (await caller.rpc("files/move_v2", {"from_path": value["id"], "to_path": "/New/b.txt"})).value
    copied = (await caller.rpc("files/copy_v2", {"from_path": "/new/B.TXT", "to_path": "/c"})).value

    assert moved["metadata"]["id"] == value["id"]
    assert moved["metadata"]["rev"] != value["rev"]
    assert copied["metadata"]["id"] != value["id"]
    assert list(caller.emulator.tree()) == ["/c", "/New/b.txt"]


async def test_what_a_file_was_before_it_moved_stays_readable(caller: Caller) -> None:
    value = await caller.put("/a.txt", b"x")
    await caller.rpc("files/move_v2", {"from_path": "/a.txt", "to_path": "/b.txt"})
    await caller.rpc("files/delete_v2", {"path": "/b.txt"})

    before = (await caller.rpc("files/get_metadata", {"path": f"rev:{value['rev']}"})).value

    assert {name: each for name, each in before.items() if name != ".tag"} == value


async def test_a_folder_moves_with_all_that_is_in_it(caller: Caller) -> None:
    await caller.put("/a/b/c", b"x")
    await caller.rpc("files/move_v2", {"from_path": "/a", "to_path": "/z"})

    assert list(caller.emulator.tree()) == ["/z/b/c"]
    assert (await caller.rpc("files/get_metadata", {"path": "/a/b"})).status == 409


async def test_only_autorename_changes_the_case_of_a_name(caller: Caller) -> None:
    await caller.put("/a")
    await caller.rpc("files/move_v2", {"from_path": "/a", "to_path": "/A", "autorename": True})

    assert list(caller.emulator.tree()) == ["/A"]


async def test_a_copy_batch_is_a_job(caller: Caller) -> None:
    await caller.put("/a")
    entries = [{"from_path": "/a", "to_path": "/b"}, {"from_path": "/none", "to_path": "/c"}]

    launch = await caller.rpc("files/copy_batch_v2", {"entries": entries})
    status = await polled(caller, "files/copy_batch/check_v2", launch)
    elsewhere = await caller.rpc("files/move_batch/check_v2", {"async_job_id": launch.value["async_job_id"]})

    success, failure = status["entries"]
    assert (status[".tag"], success["success"][".tag"], success["success"]["name"]) == ("complete", "file", "b")
    assert failure["failure"] == {
        ".tag": "relocation_error",
        "relocation_error": {".tag": "from_lookup", "from_lookup": {".tag": "not_found"}},
    }
    assert elsewhere.error == {".tag": "invalid_async_job_id"}


@pytest.mark.options(relocation_batches="sync")
async def test_a_move_batch_can_answer_at_once(caller: Caller) -> None:
    await caller.put("/a")
    answer = await caller.rpc("files/move_batch_v2", {"entries": [{"from_path": "/a", "to_path": "/b"}]})

    assert (answer.value[".tag"], answer.value["entries"][0][".tag"]) == ("complete", "success")


async def test_a_delete_batch_is_a_job(caller: Caller) -> None:
    await caller.put("/a")
    launch = await caller.rpc("files/delete_batch", {"entries": [{"path": "/a"}, {"path": "/b"}]})
    status = await polled(caller, "files/delete_batch/check", launch)

    assert [entry[".tag"] for entry in status["entries"]] == ["success", "failure"]
    assert status["entries"][0]["metadata"][".tag"] == "file"
    assert caller.emulator.tree() == {}


async def test_folders_in_a_batch(caller: Caller) -> None:
    small = await caller.rpc("files/create_folder_batch", {"paths": ["/a", "/a", "/b/c"]})
    large = await caller.rpc("files/create_folder_batch", {"paths": ["/a", "/d"], "force_async": True})
    status = await polled(caller, "files/create_folder_batch/check", large)

    assert (small.value[".tag"], [each["metadata"]["path_display"] for each in small.value["entries"]]) == (
        "complete",
        ["/a", "/b/c"],
    )
    assert status["entries"][0]["failure"]["path"] == {".tag": "conflict", "conflict": {".tag": "folder"}}
    assert status["entries"][1][".tag"] == "success"


async def test_the_account_describes_itself(caller: Caller) -> None:
    await caller.put("/a", b"12345")

    account = await caller.rpc("users/get_current_account", None)
    usage = await caller.rpc("users/get_space_usage", None)
    echo = await caller.rpc("check/user", {"query": "anybody there"})

    assert account.value["root_info"][".tag"] == "user"
    assert usage.value["used"] == 5
    assert echo.value == {"result": "anybody there"}
