"""A daemon killed at one instant of each kind: every call that changes a file, and every request, of every scene.

`explore.py` goes through all instants, not only the first of each kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from crash.scenes import SCENES, Instant, Scene, compiled, instants, survive

SCENES_OF_TWO = [scene for scene in SCENES if "two" in scene.name or scene.broken]  # the others are part of them
PARTS = 2


def one_of_each_kind(found: list[Instant], but: set[tuple[str, str]]) -> list[Instant]:
    kinds = {(instant.moment, instant.what): instant for instant in reversed(found)}
    return [instant for kind, instant in sorted(kinds.items()) if kind not in but]


def folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scene", SCENES_OF_TWO, ids=lambda scene: scene.name)
async def test_nothing_is_lost_whenever_the_daemon_dies(tmp_path: Path, scene: Scene, part: int) -> None:
    """What ledger and receipts are about is the same in all scenes; the first has its turn."""
    killer, first = compiled(tmp_path), SCENES_OF_TWO[0]
    done = set[tuple[str, str]]()
    if scene is not first:
        done = {(each.moment, each.what) for each in await instants(first, folder(tmp_path, "first"), killer)}
    found = await instants(scene, folder(tmp_path, "undisturbed"), killer)
    points = one_of_each_kind(found, done)[part::PARTS]
    assert len(points) > 4
    came = 0
    for number, instant in enumerate(points):
        try:
            came += await survive(scene, instant, folder(tmp_path, str(number)), killer)
        except AssertionError as failure:
            raise AssertionError(f"killed at {instant}: {failure}") from failure
    assert came > 0.8 * len(points), "most instants of an undisturbed life come in another one too"
