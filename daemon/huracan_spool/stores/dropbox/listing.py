"""A recursive listing, put together from its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huracan_spool.stores.dropbox.entries import RemoteFile


class Listing:
    """The files after all the entries so far. The account may change between two pages: later entries win."""

    def __init__(self) -> None:
        self._files: dict[str, RemoteFile] = {}

    def apply(self, entry: object) -> None:
        """Raises ValueError for an entry that can't be read: left out, a file would count as not there."""
        if not isinstance(entry, dict):
            raise ValueError("not an entry of a listing")  # noqa: TRY004 - the input is at fault
        tag = entry.get(".tag")
        if tag == "file":
            file = RemoteFile.from_json(entry)
            self._files[_key(entry, file.path)] = file
        elif tag == "deleted":
            self._forget(_key(entry, ""))

    def files(self) -> list[RemoteFile]:
        return list(self._files.values())

    def __len__(self) -> int:
        return len(self._files)

    def _forget(self, key: str) -> None:
        gone = [name for name in self._files if name == key or name.startswith(f"{key}/")]
        for name in gone:
            del self._files[name]


def _key(entry: Mapping[str, Any], path: str) -> str:
    return str(entry.get("path_lower") or path.lower())
