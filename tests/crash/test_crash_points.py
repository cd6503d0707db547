"""A daemon killed at one instant of each kind: every call that changes a file, and every request, of every scene.

`explore.py` goes through all instants, not only the first of each kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from crash.scenes import SCENES, Instant, Scene, compiled, folder, instants, survive

SCENES_OF_TWO = [scene for scene in SCENES if "two" in scene.name or scene.broken]  # the others are part of them
PARTS = 2


def one_of_each_kind(found: list[Instant], but: set[tuple[str, str]]) -> list[Instant]:
    kinds = {
        (each.moment, each.what): each for each in reversed(found) if each.moment != "power" or is_telling(each)
    }
    return [instant for kind, instant in sorted(kinds.items()) if kind not in but]


def is_telling(cut: Instant) -> bool:
    """The power is worth cutting where something is about to become durable, to appear or to go."""
    return cut.what.startswith(("fsync", "rename", "unlink")) and "ledger" not in cut.what


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scene", SCENES_OF_TWO, ids=lambda scene: scene.name)
async def test_nothing_is_lost_whenever_the_daemon_dies(tmp_path: Path, scene: Scene, part: int) -> None:
    """What ledger and receipts are about is the same in all scenes: the first has all of it."""
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


async def test_a_receipt_that_is_not_flushed_is_missed(tmp_path: Path) -> None:
    """The checks and the disk have teeth: when the power goes just after clean-up, the receipt is all there is."""
    killer, scene = compiled(tmp_path), SCENES[0]
    found = await instants(scene, folder(tmp_path, "undisturbed"), killer)
    last = [each for each in found if each.moment == "power"][-1]
    assert await survive(scene, last, folder(tmp_path, "flushed"), killer)
    with pytest.raises((AssertionError, ValueError)):
        await survive(scene, last, folder(tmp_path, "not flushed"), killer, unflushed="spool/receipts/.")
