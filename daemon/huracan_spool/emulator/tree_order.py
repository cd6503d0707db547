"""The order in which a tree is listed: by names, parents first. Any place in it can be gone on from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from huracan_spool.emulator.nodes import Folder, Node, path_display, path_lower


class Step(NamedTuple):
    """A node on the way: its keys from the listed folder on, itself, and its paths."""

    keys: tuple[str, ...]
    node: Node
    lower: str
    display: str


def steps_below(folder: Folder, after: tuple[str, ...], *, recursive: bool) -> Iterator[Step]:
    """What comes after the keys `after`, whether or not anything is there any more. Nothing may change meanwhile.

    A step costs the same wherever it is; to begin costs the sorting of the folders on the way to `after`.
    """
    levels = _resumed(folder, after, recursive=recursive)
    while levels:
        level = levels[-1]
        for key in level.names:
            node = level.folder.children[key]
            step = Step((*level.keys, key), node, f"{level.lower}/{key}", f"{level.display}/{node.name}")
            yield step
            if recursive and isinstance(node, Folder):
                levels.append(_Level(node, iter(sorted(node.children)), step.keys, step.lower, step.display))
                break
        else:
            levels.pop()


@dataclass(slots=True)
class _Level:
    """A folder on the way down, the names in it that are still to come, and its own place and paths."""

    folder: Folder
    names: Iterator[str]
    keys: tuple[str, ...]
    lower: str
    display: str


def _resumed(folder: Folder, after: tuple[str, ...], *, recursive: bool) -> list[_Level]:
    levels: list[_Level] = []
    at: Node | None = folder
    for depth in range(len(after) + recursive if after else 1):
        if not isinstance(at, Folder):
            break
        names = sorted(at.children)
        done = after[depth] if depth < len(after) else ""
        rest = iter(names[bisect_right(names, done) :])
        levels.append(_Level(at, rest, after[:depth], path_lower(at), path_display(at)))
        at = at.children.get(done)
    return levels
