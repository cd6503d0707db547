"""Hashing open files, whose positions stay where they are."""

from __future__ import annotations

import os
from pathlib import Path

from huracan_spool.content_hash import Fingerprint, Hasher
from huracan_spool.threads import in_thread

_READ = 1024 * 1024
# Bytes in one hop to a thread, about 40 ms: whoever is told to stop waits no longer than for these.
_HOP = 32 * 1024 * 1024


async def hashed(fd: int, hasher: Hasher) -> Fingerprint:
    """Of a whole file, hop by hop. Raises `OSError`."""
    at = 0
    while count := await in_thread(hash_some, fd, at, hasher):
        at += count
    return hasher.finish()


def hash_some(fd: int, offset: int, hasher: Hasher) -> int:
    """Feed the bytes of one hop from `offset` on; returns their number, 0 at the end."""
    done = 0
    while done < _HOP and (part := os.pread(fd, _READ, offset + done)):
        hasher.update(part)
        done += len(part)
    return done


def content_hash_of(fd: int) -> str:
    """Raises `OSError`."""
    hasher, at = Hasher(whole=False), 0
    while count := hash_some(fd, at, hasher):
        at += count
    return hasher.finish().content_hash


def content_hash_at(path: Path) -> str:
    """Raises `OSError`."""
    with path.open("rb", buffering=0) as file:
        return content_hash_of(file.fileno())
