"""The conflict matrix: what a commit does to what is already there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dropbox import files

from huracan_spool.emulator.blobs import Content
from huracan_spool.emulator.failures import WriteFailure
from huracan_spool.emulator.nodes import File, Folder, Node
from huracan_spool.emulator.tree import Place, Tree

DISPLAY_NAME = "Emulator"


@dataclass(frozen=True)
class Commit:
    """A `files.CommitInfo` in our terms. `rev` is set for the mode `update` only."""

    path: str
    mode: str
    rev: str | None
    autorename: bool
    strict_conflict: bool
    client_modified: datetime | None

    @classmethod
    def from_arg(cls, arg: Any) -> Commit:
        rev = arg.mode.get_update() if arg.mode.is_update() else None
        mode = "update" if rev is not None else "overwrite" if arg.mode.is_overwrite() else "add"
        modified = arg.client_modified.replace(tzinfo=UTC) if arg.client_modified else None
        return cls(arg.path, mode, rev, arg.autorename, arg.strict_conflict, modified)


@dataclass(frozen=True)
class Committed:
    """`op` is None when identical content was there already and nothing was written."""

    file: File
    op: str | None


def commit(tree: Tree, order: Commit, content: Content, now: datetime, quota: int) -> Committed:
    """Write a file, or find that nothing needs writing. Raises `WriteFailure`."""
    place = tree.place(order.path)
    verdict = _verdict(order, place.occupant, content)
    old = place.occupant if isinstance(place.occupant, File) else None
    if verdict == "nothing" and old is not None:
        return Committed(old, None)
    if verdict == "conflict":
        if not order.autorename:
            raise conflict_with(place.occupant)
        place, old = free_place(place, order.mode), None
    freed = old.revision.content.size if old is not None else 0
    if tree.used - freed + content.size > quota:
        raise WriteFailure(files.WriteError.insufficient_space)
    modified = order.client_modified or now
    if old is None:
        return Committed(tree.add_file(place, content, modified, now), "add")
    tree.replace_content(old, content, modified, now)
    return Committed(old, "overwrite")


def conflict_with(occupant: Node | None) -> WriteFailure:
    return WriteFailure.conflict("folder" if isinstance(occupant, Folder) else "file")


def free_place(place: Place, mode: str = "add") -> Place:
    """The first of the names that autorename tries which is still free."""
    names = (place.renamed(name) for name in _other_names(place.name, mode))
    return next(other for other in names if other.occupant is None)


def _verdict(order: Commit, occupant: Node | None, content: Content) -> str:
    if occupant is None:
        return "conflict" if order.mode == "update" and order.strict_conflict else "write"
    if isinstance(occupant, Folder):
        return "conflict"
    if occupant.revision.content.content_hash == content.content_hash:
        return "conflict" if order.strict_conflict else "nothing"
    if order.mode == "overwrite" or order.rev == occupant.revision.rev:
        return "replace"
    return "conflict"


def _other_names(name: str, mode: str) -> Iterator[str]:
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    if mode == "update":
        copy = f"{DISPLAY_NAME}'s conflicted copy"
        yield f"{stem} ({copy}){dot}{extension}"
        yield from (f"{stem} ({copy} {number}){dot}{extension}" for number in itertools.count(1))
    yield from (f"{stem} ({number}){dot}{extension}" for number in itertools.count(1))
