"""Whoever follows a cursor ends up with the tree, whatever happened in between."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from huracan_spool.emulator import EmulatorOptions
from huracan_spool.emulator.account import Account
from huracan_spool.emulator.blobs import Blobs, Content
from huracan_spool.emulator.failures import Failure
from huracan_spool.emulator.listing import Page
from huracan_spool.emulator.nodes import File, files_below, path_lower, walk
from huracan_spool.emulator.writing import Commit

NAMES = ("a", "B", "c")


@pytest.mark.parametrize("seed", range(20))
def test_a_mirror_by_cursor_equals_the_tree_whatever_happens_between_its_pages(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    account = Account(EmulatorOptions(), Blobs(tmp_path, 1000))
    for _ in range(30):
        disturb(account, chance)
    mirror: dict[str, str] = {}
    page = account.listings.first(account.listings.order("", recursive=True, include_deleted=False, limit=2))
    for _ in range(30):
        for entry in page.entries:
            apply(mirror, json.loads(entry))
        disturb(account, chance)
        page = account.listings.following(page.cursor)
    page = follow(account, mirror, page)
    follow(account, mirror, account.listings.following(page.cursor))

    assert mirror == {path_lower(node): node.id for node in walk(account.tree.root) if node.parent}


@pytest.mark.parametrize("seed", range(20))
def test_a_mirror_by_cursor_equals_the_tree(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    account = Account(EmulatorOptions(), Blobs(tmp_path, 1000))
    order = account.listings.order("", recursive=True, include_deleted=False, limit=3)
    mirror: dict[str, str] = {}
    page = follow(account, mirror, account.listings.first(order))
    for _ in range(30):
        for _ in range(chance.randrange(6)):
            disturb(account, chance)
        page = follow(account, mirror, account.listings.following(page.cursor))

        nodes = {path_lower(node): node.id for node in walk(account.tree.root) if node.parent}
        assert mirror == nodes
    assert account.tree.files == len(list(files_below(account.tree.root)))
    assert account.tree.used == sum(file.revision.content.size for file in files_below(account.tree.root))


def follow(account: Account, mirror: dict[str, str], page: Page) -> Page:
    for entry in page.entries:
        apply(mirror, json.loads(entry))
    return follow(account, mirror, account.listings.following(page.cursor)) if page.has_more else page


def apply(mirror: dict[str, str], entry: Any) -> None:
    """As Dropbox's documentation tells a client to: a file or a deletion takes what was below it along."""
    if entry[".tag"] != "folder":
        for path in [path for path in mirror if path.startswith(f"{entry['path_lower']}/")]:
            del mirror[path]
    if entry[".tag"] == "deleted":
        mirror.pop(entry["path_lower"], None)
    else:
        mirror[entry["path_lower"]] = entry["id"]


def disturb(account: Account, chance: random.Random) -> None:
    tree, now = account.tree, account.date()
    try:
        match chance.randrange(4):
            case 0:
                data = chance.randbytes(chance.randrange(3))
                commit = Commit(some_path(chance), "overwrite", None, False, False, None)
                account.commit("test", commit, Content.of([account.blobs.store(data)]))
            case 1:
                tree.remove(tree.find_path(some_path(chance)))
            case 2:
                source, place = tree.find_path(some_path(chance)), tree.place(some_path(chance))
                if place.occupant is None and not any(place.folder is each for each in walk(source)):
                    tree.move(source, place, now)
            case _:
                source, place = tree.find_path(some_path(chance)), tree.place(some_path(chance))
                if place.occupant is None and isinstance(source, File):
                    tree.copy(source, place, now)
    except Failure:
        pass  # nothing there, or something in the way: that is no disturbance


def some_path(chance: random.Random) -> str:
    return "".join(f"/{chance.choice(NAMES)}" for _ in range(chance.randrange(1, 4)))
