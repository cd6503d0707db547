"""The conflict matrix, cell by cell."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from huracan_spool.emulator.blobs import Blobs, Content
from huracan_spool.emulator.failures import WriteFailure
from huracan_spool.emulator.nodes import File, path_display
from huracan_spool.emulator.tree import Tree
from huracan_spool.emulator.writing import Commit, Committed, commit

NOW = datetime(2026, 1, 2, tzinfo=UTC)
QUOTA = 1000


class Bench:
    """A tree with `/dir/` and `/old.txt` in it, and short ways to write."""

    def __init__(self, directory: Path) -> None:
        self.blobs = Blobs(directory, 1000)
        self.tree = Tree("1")
        self.tree.add_folder(self.tree.place("/dir"))
        self.old = self.write("/old.txt", b"old").file

    def write(
        self, path: str, data: bytes, mode: str = "add", *, autorename: bool = False, strict: bool = False
    ) -> Committed:
        rev = {"current": self.old.revision.rev if mode == "current" else None, "stale": "0" * 9}.get(mode)
        order = Commit(path, "update" if rev else mode, rev, autorename, strict, None)
        return commit(self.tree, order, Content.of([self.blobs.store(data)]), NOW, QUOTA)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("path", "data", "mode", "strict", "outcome"),
    [
        ("/new.txt", b"x", "add", False, "add"),
        ("/new.txt", b"x", "overwrite", False, "add"),
        ("/new.txt", b"x", "stale", False, "add"),
        ("/new.txt", b"x", "stale", True, "conflict/file"),
        ("/old.txt", b"old", "add", False, None),
        ("/OLD.txt", b"old", "overwrite", False, None),
        ("/old.txt", b"old", "stale", False, None),
        ("/old.txt", b"old", "add", True, "conflict/file"),
        ("/old.txt", b"x", "add", False, "conflict/file"),
        ("/old.txt", b"x", "overwrite", False, "overwrite"),
        ("/old.txt", b"x", "current", False, "overwrite"),
        ("/old.txt", b"x", "stale", False, "conflict/file"),
        ("/dir", b"x", "add", False, "conflict/folder"),
        ("/dir", b"x", "overwrite", False, "conflict/folder"),
        ("/dir", b"x", "stale", False, "conflict/folder"),
        ("/old.txt/x", b"x", "add", False, "conflict/file_ancestor"),
        ("/old.txt/x/y", b"x", "overwrite", False, "conflict/file_ancestor"),
        ("/a\\b", b"x", "add", False, "malformed_path"),
        ("/x/desktop.ini", b"x", "add", False, "disallowed_name"),
        ("/big", b"x" * 998, "add", False, "insufficient_space"),
        ("/just", b"x" * 997, "add", False, "add"),
    ],
)
def test_a_commit_meets_what_is_there(
    *, bench: Bench, path: str, data: bytes, mode: str, strict: bool, outcome: str | None
) -> None:
    assert outcome_of(bench, path, data, mode, strict) == outcome


@pytest.mark.parametrize(
    ("path", "data", "mode", "written"),
    [
        ("/old.txt", b"x", "add", "/old (1).txt"),
        ("/old.txt", b"x", "stale", "/old (Emulator's conflicted copy).txt"),
        ("/dir", b"x", "overwrite", "/dir (1)"),
        ("/old.txt", b"old", "add", "/old.txt"),
    ],
)
def test_autorename_finds_another_name(bench: Bench, path: str, data: bytes, mode: str, written: str) -> None:
    assert path_display(bench.write(path, data, mode, autorename=True).file) == written


def test_autorename_counts_on(bench: Bench) -> None:
    names = [path_display(bench.write("/old.txt", data, autorename=True).file) for data in (b"1", b"2")]

    assert names == ["/old (1).txt", "/old (2).txt"]


def test_identical_content_leaves_revision_and_times_alone(bench: Bench) -> None:
    before = bench.old.revision

    assert bench.write("/old.txt", b"old", "overwrite").file.revision is before


def test_overwriting_keeps_id_and_name_and_takes_a_new_rev(bench: Bench) -> None:
    before = bench.old.revision.rev

    file = bench.write("/OLD.TXT", b"new", "overwrite").file

    assert (file, file.name) == (bench.old, "old.txt")
    assert file.revision.rev > before
    assert bench.tree.used == 3


def test_missing_parents_appear(bench: Bench) -> None:
    file = bench.write("/A/b/c.txt", b"x").file

    assert path_display(file) == "/A/b/c.txt"
    assert isinstance(bench.tree.find_path("/a/B/C.TXT"), File)


def outcome_of(bench: Bench, path: str, data: bytes, mode: str, strict: bool) -> str | None:
    try:
        return bench.write(path, data, mode, strict=strict).op
    except WriteFailure as failure:
        error = failure.error
        if not error.is_conflict():
            return str(error._tag)
        return f"conflict/{error.get_conflict()._tag}"
