"""Listings of many pages: in order, as stone spells them, and from any cursor ever given out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from dropbox import files, stone_serializers

from huracan_spool.emulator import metadata, replies
from huracan_spool.emulator.blobs import Blobs, Content
from huracan_spool.emulator.entries import deleted_entry, entry, file_metadata, result
from huracan_spool.emulator.listing import Listings, Page
from huracan_spool.emulator.nodes import File, path_display, path_lower, walk
from huracan_spool.emulator.tree import Tree

AT = datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC)
NAMES = ("/Plain/a.txt", '/quo"te/\t/\x01', "/caf\u00e9/\u0130", "/C/b/A", "/c/B/\uffff", "/c/b-/x", "/c/b.d")


@pytest.fixture
def tree() -> Tree:
    tree = Tree("1")
    for name in NAMES:
        content = Content.of([Blobs.hold(name.encode())])
        tree.add_file(tree.place(name), content, AT, AT.replace(microsecond=5))
    return tree


def pages(listings: Listings, page: Page) -> list[Page]:
    found = [page]
    while found[-1].has_more:
        found.append(listings.following(found[-1].cursor))
    return found


def displayed(page: Page) -> list[str]:
    return [json.loads(each)["path_display"] for each in page.entries]


def test_entries_are_as_stone_spells_them(tree: Tree) -> None:
    for node in list(walk(tree.root))[1:]:
        lower, display = path_lower(node), path_display(node)
        assert entry(node, lower, display) == spelled(metadata.of(node))
        assert not isinstance(node, File) or file_metadata(node) == header(node)
        assert deleted_entry(lower, display) == spelled(metadata.of_deleted(lower, display))


def test_a_result_is_as_stone_spells_it(tree: Tree) -> None:
    nodes = list(walk(tree.root))[1:]
    texts = [entry(node, path_lower(node), path_display(node)) for node in nodes]
    for has_more in (True, False):
        value = files.ListFolderResult(entries=[*map(metadata.of, nodes)], cursor="AAE-x_", has_more=has_more)
        encoded = replies.encode(files.ListFolderResult_validator, value)
        assert result(texts, "AAE-x_", has_more=has_more) == json.dumps(encoded)


@pytest.mark.parametrize("folder", ["", "/c", "/c/B"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_any_size_are_the_walk(tree: Tree, folder: str, limit: int) -> None:
    listings = Listings(tree, names_itself=True)
    order = listings.order(folder, recursive=True, include_deleted=False, limit=limit)

    listed = pages(listings, listings.first(order))

    start = tree.find_path(folder)
    expected = [path_display(node) for node in walk(start) if node.parent]
    assert [path for page in listed for path in displayed(page)] == expected
    assert {len(page.entries) for page in listed[:-1]} <= {limit}


def test_an_old_cursor_goes_on_from_where_it_was(tree: Tree) -> None:
    listings = Listings(tree, names_itself=True)
    listed = pages(listings, listings.first(listings.order("", recursive=True, include_deleted=False, limit=2)))

    for page, following in pairwise(listed):
        again = [listings.following(page.cursor) for _ in "12"]
        assert [each.entries for each in again] == [following.entries] * 2


def test_what_was_deleted_follows_the_tree_page_by_page(tree: Tree) -> None:
    tree.remove(tree.find_path("/c/b"))
    tree.remove(tree.find_path("/plain"))
    listings = Listings(tree, names_itself=True)
    order = listings.order("/c", recursive=True, include_deleted=True, limit=2)

    listed = [displayed(page) for page in pages(listings, listings.first(order))]

    assert listed == [["/C", "/C/b-"], ["/C/b-/x", "/C/b.d"], ["/C/b", "/C/b/A"], ["/C/b/\uffff"]]


def test_a_long_journal_comes_in_pages(tree: Tree) -> None:
    listings = Listings(tree, names_itself=True)
    cursor = listings.latest(listings.order("/c", recursive=True, include_deleted=False, limit=2))
    tree.remove(tree.find_path("/c/b"))
    tree.remove(tree.find_path("/plain"))
    tree.add_file(tree.place("/C/b/a"), tree_content(tree), AT, AT)

    changes = pages(listings, listings.following(cursor))
    nothing = listings.following(changes[-1].cursor)

    assert [displayed(page) for page in changes] == [["/C/b", "/C/b/a"], ["/C/b/\uffff", "/C/b"], ["/C/b/a"]]
    assert (nothing.entries, nothing.has_more) == ([], False)


def test_a_cursor_keeps_no_entries(tree: Tree) -> None:
    """A million entries have hundreds of pages, and every page a cursor that stays good."""
    listings = Listings(tree, names_itself=True)
    for limit in (1, 2, 3):
        pages(listings, listings.first(listings.order("", recursive=True, include_deleted=True, limit=limit)))

    kept = [cursor.place for cursor in listings._cursors.values()]
    assert max(len(str(place)) for place in kept) < 60


def tree_content(tree: Tree) -> Content:
    return tree.find_path("/c/b.d").revision.content  # type: ignore[union-attr]


def header(file: File) -> str:
    return str(stone_serializers.json_encode(files.FileMetadata_validator, metadata.of_file(file)))


def spelled(value: object) -> str:
    return json.dumps(replies.encode(files.Metadata_validator, value))
