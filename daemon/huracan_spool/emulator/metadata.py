"""Nodes as Dropbox describes them."""

from __future__ import annotations

from typing import Any

from dropbox import files

from huracan_spool.emulator.nodes import File, Node, path_display, path_lower


def of(node: Node) -> Any:
    """A `files.FileMetadata` or `files.FolderMetadata`."""
    if isinstance(node, File):
        return of_file(node)
    return files.FolderMetadata(
        name=node.name, id=node.id, path_lower=path_lower(node), path_display=path_display(node)
    )


def of_file(file: File) -> Any:
    revision = file.revision
    return files.FileMetadata(
        name=file.name,
        id=file.id,
        client_modified=revision.client_modified,
        server_modified=revision.server_modified,
        rev=revision.rev,
        size=revision.content.size,
        path_lower=path_lower(file),
        path_display=path_display(file),
        is_downloadable=True,
        content_hash=revision.content.content_hash,
    )


def of_deleted(lowered: str, display: str) -> Any:
    return files.DeletedMetadata(name=display.rpartition("/")[2], path_lower=lowered, path_display=display)
