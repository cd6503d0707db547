"""The watcher alone: every way in which a name can appear, and how its death shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from huracan_spool.watcher import Watcher
from support.waiting import eventually

NAME = "run.manifest.json"


def _rename_inside(watched: Path, _: Path) -> None:
    (watched / ".hidden").write_text("x")
    (watched / ".hidden").rename(watched / NAME)


def _rename_in(watched: Path, elsewhere: Path) -> None:
    (elsewhere / NAME).write_text("x")
    (elsewhere / NAME).rename(watched / NAME)


def _link_in(watched: Path, elsewhere: Path) -> None:
    (elsewhere / NAME).write_text("x")
    (watched / NAME).hardlink_to(elsewhere / NAME)


def _write_in_place(watched: Path, _: Path) -> None:
    (watched / NAME).write_text("x")


def _link_an_unnamed_file(watched: Path, _: Path) -> None:
    fd = os.open(watched, os.O_TMPFILE | os.O_WRONLY)
    os.link(f"/proc/self/fd/{fd}", watched / NAME, src_dir_fd=fd)  # any: it makes Python follow the link
    os.close(fd)


def _replace(watched: Path, elsewhere: Path) -> None:
    (watched / NAME).write_text("x")
    (elsewhere / NAME).write_text("y")
    (elsewhere / NAME).replace(watched / NAME)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    (tmp_path / "watched").mkdir()
    return tmp_path / "watched"


@pytest.fixture
def hints() -> list[str]:
    return []


@pytest.fixture
async def watcher(watched: Path, hints: list[str]) -> Iterator[Watcher]:
    with Watcher(watched, hints.append, lambda: hints.append("overflow")) as running:
        yield running


@pytest.mark.parametrize(
    "arrive", [_rename_inside, _rename_in, _link_in, _write_in_place, _link_an_unnamed_file, _replace]
)
async def test_a_name_that_appears_is_hinted_at(
    watcher: Watcher, watched: Path, elsewhere: Path, hints: list[str], arrive: Callable[[Path, Path], None]
) -> None:
    arrive(watched, elsewhere)
    await eventually(lambda: NAME in hints, hints)
    assert watcher.alive()


async def test_files_of_folders_below_are_no_names_of_ours(
    watcher: Watcher, watched: Path, hints: list[str]
) -> None:
    (watched / "failed").mkdir()
    (watched / "failed" / NAME).write_text("x")
    (watched / "last").write_text("x")
    await eventually(lambda: "last" in hints, hints)
    assert NAME not in hints
    assert watcher.alive()


async def test_a_directory_that_is_a_link_is_watched_all_the_same(
    tmp_path: Path, watched: Path, hints: list[str]
) -> None:
    """/tmp itself may be one."""
    (tmp_path / "link").symlink_to(watched)
    with Watcher(tmp_path / "link", hints.append, hints.clear):
        (watched / NAME).write_text("x")
        await eventually(lambda: NAME in hints, hints)


async def test_a_watcher_of_a_removed_directory_is_dead(watcher: Watcher, watched: Path) -> None:
    shutil.rmtree(watched)
    await eventually(lambda: not watcher.alive(), "the watcher's death")


async def test_a_missing_directory_can_not_be_watched(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), Watcher(tmp_path / "nothing", len, list):
        pass


async def test_a_name_that_is_no_utf8_is_hinted_at(watcher: Watcher, watched: Path, hints: list[str]) -> None:
    (watched / os.fsdecode(b"\xff.manifest.json")).write_text("x")
    await eventually(lambda: hints, hints)
    assert set(hints) == {"\udcff.manifest.json"}
    assert watcher.alive()


async def test_a_handler_that_is_called_after_the_loop_is_gone_does_no_harm(watched: Path) -> None:
    """The daemon leaves while events are on their way; a handler that raised would stop all others."""
    hints: list[str] = []
    with Watcher(watched, hints.append, hints.clear) as watcher:
        (watched / NAME).write_text("x")
        await eventually(lambda: hints, hints)
    (watched / "later").write_text("x")
    assert not watcher.alive()
    assert set(hints) == {NAME}
