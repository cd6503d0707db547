from __future__ import annotations

import pytest

from huracan_spool.stores.dropbox.listing import Listing


def file(path: str, rev: str = "5bab4b3222c52043720ae") -> dict[str, object]:
    return {
        ".tag": "file",
        "name": path.rpartition("/")[2],
        "path_display": path,
        "path_lower": path.lower(),
        "id": "id:AbCdEfGhIjKlMnOpQrStUv",
        "client_modified": "2026-08-20T10:15:30Z",
        "server_modified": "2026-08-20T10:15:30Z",
        "rev": rev,
        "size": 1,
    }


def deleted(path: str) -> dict[str, object]:
    return {".tag": "deleted", "name": path.rpartition("/")[2], "path_lower": path.lower()}


def listed(*entries: object) -> list[tuple[str, str]]:
    listing = Listing()
    for entry in entries:
        listing.apply(entry)
    return [(file.path, file.rev) for file in listing.files()]


def test_files_are_listed_and_folders_are_not():
    folder = {".tag": "folder", "name": "runs", "path_lower": "/runs", "id": "id:x"}

    assert listed(folder, file("/runs/A"), file("/runs/b")) == [
        ("/runs/A", "5bab4b3222c52043720ae"),
        ("/runs/b", "5bab4b3222c52043720ae"),
    ]


def test_a_later_entry_wins():
    newer = file("/Runs/A", rev="5bab4b3222c52043720af")

    assert listed(file("/runs/a"), newer) == [("/Runs/A", "5bab4b3222c52043720af")]


def test_what_was_deleted_while_listing_is_gone_with_all_below():
    entries = [file("/runs/r/a"), file("/runs/r/b/c"), file("/runs/rest"), deleted("/Runs/R")]

    assert [path for path, _ in listed(*entries)] == ["/runs/rest"]


@pytest.mark.parametrize("entry", [None, "file", file("/x") | {"size": None}, {".tag": "file"}])
def test_a_file_that_can_not_be_read_is_an_error_and_not_an_absence(entry):
    with pytest.raises(ValueError, match=r"entry|size|field"):
        listed(entry)
