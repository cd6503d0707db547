"""The content hash of a file on disk."""

from __future__ import annotations

import os
from pathlib import Path

from huracan_spool.content_hash import BLOCK, Hasher


def hash_of_file(path: Path) -> str:
    """Raises `OSError`."""
    with path.open("rb", buffering=0) as file:
        return hash_of_open(file.fileno())


def hash_of_open(fd: int) -> str:
    """Raises `OSError`."""
    hasher, at = Hasher(whole=False), 0
    while block := os.pread(fd, BLOCK, at):
        hasher.update(block)
        at += len(block)
    return hasher.finish().content_hash
