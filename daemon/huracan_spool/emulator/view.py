"""The account as a test wants to see it: paths and what is under them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from huracan_spool.emulator.account import Account
from huracan_spool.emulator.blobs import Content
from huracan_spool.emulator.nodes import files_below, path_display


@dataclass(frozen=True)
class FileView:
    """A file's current revision."""

    content_hash: str
    size: int
    client_modified: datetime
    id: str
    content: Content

    def read(self) -> bytes:
        return self.content.read()

    def open(self) -> BinaryIO:
        return self.content.open()


def tree_view(account: Account) -> dict[str, FileView]:
    """Every file, by its display path, in the order of lowered names."""
    views: dict[str, FileView] = {}
    for file in files_below(account.tree.root):
        revision = file.revision
        views[path_display(file)] = FileView(
            revision.content.content_hash,
            revision.content.size,
            revision.client_modified,
            file.id,
            revision.content,
        )
    return views
