"""What has been fetched once, by content: `content/ab/abcd…`, in a folder that several processes share.

Each file is read-only and has the training's time. One that was written to has another time: it is hashed again
before it is believed, and thrown away if it is not itself any more.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from huracan_spool.hashing import content_hash_at

_NAME = re.compile("[0-9a-f]{64}")
_READ_ONLY = 0o444
_ABANDONED = 7 * 86_400.0  # seconds since anything came: nobody is going to take it up


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "huracan-spool"


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """Of content, of files that are on their way, and of what is known of stores."""

    path: Path
    files: int
    bytes: int
    unfinished_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class Pruned:
    files: int
    bytes: int


class ContentCache:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._content = root / "content"

    def place(self, content_hash: str) -> Path:
        return self._content / content_hash[:2] / content_hash

    def find(self, content_hash: str, size: int, modified: int) -> Path | None:
        """The file, if it is there and still itself. Raises `OSError`."""
        path = self.place(content_hash)
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        if status.st_size != size or (status.st_mtime != modified and content_hash_at(path) != content_hash):
            path.unlink(missing_ok=True)
            return None
        self.keep(path, modified)
        return path

    def keep(self, path: Path, modified: int) -> None:
        """Note that it was used, for `prune`. Not being allowed to is no trouble: it is somebody else's cache."""
        with suppress(OSError, OverflowError):
            os.utime(path, (time.time(), modified))
            path.chmod(_READ_ONLY)

    def info(self) -> CacheInfo:
        whole = [status.st_size for _, status in self._files()]
        unfinished = sum(status.st_size for path, status in _below(self._content) if path.name.startswith("."))
        beside = sum(status.st_size for path, status in _below(self.root) if self._content not in path.parents)
        return CacheInfo(self.root, len(whole), sum(whole), unfinished, beside)

    def prune(self, *, most_bytes: int, now: float) -> Pruned:
        """Remove what was used longest ago until at most so many bytes are left, and what nobody will finish."""
        files = sorted(self._files(), key=lambda each: each[1].st_atime)
        left, removed, freed = sum(status.st_size for _, status in files), 0, 0
        for path, status in files:
            if left <= most_bytes:
                break
            path.unlink(missing_ok=True)
            left, removed, freed = left - status.st_size, removed + 1, freed + status.st_size
        for path, status in _below(self._content):
            if path.name.startswith(".") and now - status.st_mtime > _ABANDONED:
                path.unlink(missing_ok=True)
                removed, freed = removed + 1, freed + status.st_size
        return Pruned(removed, freed)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        return (each for each in _below(self._content) if _NAME.fullmatch(each[0].name))


def _below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink():
                yield path, path.stat()
