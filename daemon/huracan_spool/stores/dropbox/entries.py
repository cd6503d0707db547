"""What goes into the API's calls and what comes out, as our own values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from huracan_spool.stores.dropbox import wire

# A field that nobody here reads can't make a file unreadable.
_READ = (
    "name",
    "id",
    "client_modified",
    "server_modified",
    "rev",
    "size",
    "path_lower",
    "path_display",
    "content_hash",
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an upload session: `offset` bytes are there already."""

    session_id: str
    offset: int

    def to_json(self) -> Any:
        return {"session_id": self.session_id, "offset": self.offset}


@dataclass(frozen=True, slots=True)
class Piece:
    """`length` bytes for the session at `cursor`; `close` seals it."""

    cursor: Cursor
    length: int
    close: bool

    def to_json(self) -> Any:
        return {"cursor": self.cursor.to_json(), "length": self.length, "close": self.close}


@dataclass(frozen=True, slots=True)
class CommitEntry:
    """Makes the `size` bytes of a closed session the file at `path`, which never replaces another one."""

    session_id: str
    size: int
    path: str
    client_modified: datetime | None

    def to_json(self) -> Any:
        commit: dict[str, Any] = {
            "path": self.path,
            "mode": "add",
            "autorename": False,
            # Equal content at the path is then a success that writes nothing: a repeated commit does no harm.
            "strict_conflict": False,
            "mute": True,
        }
        if self.client_modified is not None:
            commit["client_modified"] = self.client_modified.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"cursor": Cursor(self.session_id, self.size).to_json(), "commit": commit}


@dataclass(frozen=True, slots=True)
class MoveEntry:
    """`from_id` is an `id:…` or a path."""

    from_id: str
    to_path: str

    def to_json(self) -> Any:
        return {"from_path": self.from_id, "to_path": self.to_path}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as Dropbox shows it; `path` is its path_display."""

    path: str
    id: str
    rev: str
    size: int
    content_hash: str | None
    server_modified: datetime

    @classmethod
    def from_json(cls, metadata: object) -> RemoteFile:
        """Raises ValueError for what is no file's metadata."""
        if not isinstance(metadata, dict) or metadata.get(".tag", "file") not in ("file", "success"):
            raise ValueError("not a file")
        known = {name: metadata[name] for name in _READ if name in metadata}
        file = wire.read_file(known)
        path = file.path_display or file.path_lower
        if path is None:
            raise ValueError("a file without a path")
        modified = file.server_modified.replace(tzinfo=UTC)
        return cls(path, file.id, file.rev, file.size, file.content_hash, modified)
