"""Dropbox's content hash: sha256 over the sha256 digests of the file's 4 MiB blocks.

https://www.dropbox.com/developers/reference/content-hash
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

BLOCK = 4 * 1024 * 1024


def hash_of_blocks(digests: Iterable[bytes]) -> str:
    """The content hash of data whose 4 MiB blocks have these sha256 digests (32 bytes each)."""
    return hashlib.sha256(b"".join(digests)).hexdigest()


def content_hash(data: bytes) -> str:
    blocks = (data[start : start + BLOCK] for start in range(0, len(data), BLOCK))
    return hash_of_blocks(hashlib.sha256(block).digest() for block in blocks)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one pass over a file yields: size in bytes, sha256 (hex) and its blocks' digests."""

    size: int
    sha256: str
    blocks: tuple[bytes, ...]

    @property
    def content_hash(self) -> str:
        return hash_of_blocks(self.blocks)

    def part_hash(self, offset: int, length: int) -> str:
        """The content hash of the part at `offset`, a multiple of 4 MiB, as if it were a file."""
        if offset % BLOCK:
            raise ValueError(f"offset {offset} is not a multiple of {BLOCK}")
        first = offset // BLOCK
        return hash_of_blocks(self.blocks[first : first + -(-length // BLOCK)])


class Hasher:
    """Feeds a file's bytes, in order, to sha256 and to the content hash at once, or to one of them."""

    def __init__(self, *, whole: bool = True, blocks: bool = True) -> None:
        self._whole = hashlib.sha256() if whole else None
        self._wants_blocks = blocks
        self._block = hashlib.sha256()
        self._filled = 0
        self._size = 0
        self._blocks: list[bytes] = []

    def update(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        if self._whole is not None:
            self._whole.update(view)
        self._size += len(view)
        while view and self._wants_blocks:
            part = view[: BLOCK - self._filled]
            self._block.update(part)
            self._filled += len(part)
            view = view[len(part) :]
            if self._filled == BLOCK:
                self._end_block()

    def finish(self) -> Fingerprint:
        if self._filled:
            self._end_block()
        sha256 = self._whole.hexdigest() if self._whole is not None else ""
        return Fingerprint(self._size, sha256, tuple(self._blocks))

    def _end_block(self) -> None:
        self._blocks.append(self._block.digest())
        self._block = hashlib.sha256()
        self._filled = 0


def fingerprint(data: bytes) -> Fingerprint:
    hasher = Hasher()
    hasher.update(data)
    return hasher.finish()
