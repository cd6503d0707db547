"""A tree that was always there: as many files as an archive of years holds, within seconds.

Planting goes round what makes an upload dear, not round the rules for names. Folders are looked up once, contents
that are equal are kept once and in memory, and no journal or log of writes hears of it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from dropbox import files

from huracan_spool.emulator import paths
from huracan_spool.emulator.blobs import Blobs, Content
from huracan_spool.emulator.failures import WriteFailure
from huracan_spool.emulator.nodes import Folder
from huracan_spool.emulator.tree import Tree


class Plant(NamedTuple):
    """A file to be planted."""

    path: str
    data: bytes
    client_modified: datetime


def plant(tree: Tree, plants: Iterable[Plant], now: datetime) -> None:
    """Raises `WriteFailure` for a name that Dropbox refuses, and where something is in the way."""
    planter = _Planter(tree, now)
    with _without_collections():
        for each in plants:
            planter.add(each)


class _Planter:
    def __init__(self, tree: Tree, now: datetime) -> None:
        self._tree = tree
        self._now = now
        self._folders = {"": tree.root}
        self._contents: dict[bytes, Content] = {}

    def add(self, plant: Plant) -> None:
        parent, slash, name = plant.path.rpartition("/")
        if not slash:
            raise WriteFailure.malformed()
        folder = self._folders.get(parent) or self._folder(parent)
        name, key = checked(name)
        if key in folder.children:
            raise WriteFailure.conflict("file")
        self._tree.plant_file(folder, key, name, self._content(plant.data), plant.client_modified, self._now)

    def _folder(self, path: str) -> Folder:
        above, slash, name = path.rpartition("/")
        if not slash:
            raise WriteFailure.malformed()
        parent = self._folders.get(above) or self._folder(above)
        name, key = checked(name)
        child = parent.children.get(key) or self._tree.plant_folder(parent, key, name)
        if not isinstance(child, Folder):
            raise WriteFailure.conflict("file_ancestor")
        self._folders[path] = child
        return child

    def _content(self, data: bytes) -> Content:
        content = self._contents.get(data)
        if content is None:
            content = self._contents[data] = Content.of([Blobs.hold(data)])
        return content


@lru_cache(maxsize=4096)
def checked(name: str) -> tuple[str, str]:
    """The name as it is kept, and its key. A tree of a million nodes has few names. Raises `WriteFailure`."""
    try:
        (parsed,) = paths.parse(f"/{name}").names
    except paths.MalformedPath as error:
        raise WriteFailure.malformed() from error
    if paths.is_disallowed(parsed):
        raise WriteFailure(files.WriteError.disallowed_name)
    return parsed, paths.key(parsed)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Nothing of what is planted can be garbage. Looking for it doubles the time, and stops a server for seconds.

    Whoever ends the tree has to thaw what is frozen here.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
