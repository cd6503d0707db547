"""A daemon killed at one instant of each kind: every call that changes a file, and every request, of every scene.

`explore.py` goes through all instants, not only the first of each kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from crash.scenes import SCENES, Instant, Scene, compiled, instants, survive


def one_of_each_kind(found: list[Instant]) -> list[Instant]:
    kinds = {(instant.moment, instant.what): instant for instant in reversed(found)}
    return sorted(kinds.values(), key=lambda instant: (instant.moment, instant.number))


def folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_nothing_is_lost_whenever_the_daemon_dies(tmp_path: Path, scene: Scene, part: int) -> None:
    killer = compiled(tmp_path)
    points = one_of_each_kind(await instants(scene, folder(tmp_path, "undisturbed"), killer))[part::2]
    came = 0
    for number, instant in enumerate(points):
        try:
            came += await survive(scene, instant, folder(tmp_path, str(number)), killer)
        except AssertionError as failure:
            raise AssertionError(f"killed at {instant}: {failure}") from failure
    assert came > 0.9 * len(points), "most instants of an undisturbed life come in another one too"
