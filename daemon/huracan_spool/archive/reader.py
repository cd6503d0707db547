"""What the archive reads from: Dropbox, or the local archive's folder.

Paths are relative to the app folder and spelled as `layout` spells them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from huracan_spool.errors import TryAgain

# Told of bytes that have come, now and then; less than nothing when they must come again.
Moved = Callable[[int], object]


class StoredFile(NamedTuple):
    """A file in the store.

    `version` changes whenever the content does: in Dropbox it is the content hash. `modified` is in seconds since
    1970, which is the training's time for what the daemon wrote. `id` is what the file is read by.
    """

    path: str
    version: str
    size: int
    modified: int
    id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what is there, or of what changed since, in order.

    A change is a file that came or is another now, or the lower-case path of what went with all below it.
    """

    changes: Sequence[StoredFile | str]
    cursor: str
    has_more: bool


class Wanted(NamedTuple):
    """A file to be brought: its proof, and where it goes."""

    file: StoredFile
    content_hash: str
    target: Path


class Gone(TryAgain):
    """The file is not there any more, or another one is."""


class ListAgain(Exception):
    """The cursor is good for nothing any more: begin without one."""


class Reader(Protocol):
    """Raises the families of `huracan_spool.errors`.

    `name` tells stores apart: what is known of one says nothing of another.
    """

    name: str
    follows: bool
    """Whether a cursor gives what changed since; else a listing is always of everything."""

    async def page(self, cursor: str | None) -> Page:
        """Raises `ListAgain`."""
        ...

    async def read(self, file: StoredFile, limit: int) -> bytes:
        """A small file whole. Raises `Gone` when it is not that version any more."""
        ...

    async def hash_of(self, file: StoredFile) -> str:
        """The content hash of a file as it lies there. Raises `Gone` when it is not that version any more."""
        ...

    def at_hand(self, file: StoredFile) -> Path | None:
        """The file itself, where the store is a folder of this host."""
        ...

    async def bring(self, wanted: Wanted, moved: Moved) -> None:
        """Have the file at its target, proven. What came before an interruption need not come again.

        Raises `Damaged` when the store's bytes are not what they should be, and `OSError`.
        """
        ...

    async def bring_folder(self, folder: str, wanted: Sequence[Wanted], moved: Moved) -> None:
        """Have several files of a folder at their targets, in whatever way costs least.

        Raises as `bring`, when all that can be brought have been.
        """
        ...


class Damaged(Exception):
    """The bytes in the store are not those that were stored."""
