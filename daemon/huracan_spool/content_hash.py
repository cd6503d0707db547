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
    """Feeds a file's bytes, in order, to sha256 and to the content hash at once, or to one of them.

    Up to the end of the first block both are the same sha256, so it is made once.
    """

    def __init__(self, *, whole: bool = True, blocks: bool = True) -> None:
        self._wants_whole = whole
        self._wants_blocks = blocks
        self._whole = None if blocks else hashlib.sha256()  # None while it is that of the block
        self._block = hashlib.sha256()
        self._filled = 0
        self._size = 0
        self._blocks: list[bytes] = []

    def update(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        self._size += len(view)
        while view:
            part = view[: BLOCK - self._filled] if self._wants_blocks else view
            if self._whole is not None:
                self._whole.update(part)
            if self._wants_blocks:
                self._feed_block(part)
            view = view[len(part) :]

    def finish(self) -> Fingerprint:
        sha256 = (self._whole or self._block).hexdigest() if self._wants_whole else ""
        if self._filled:
            self._end_block()
        return Fingerprint(self._size, sha256, tuple(self._blocks))

    def _feed_block(self, part: memoryview) -> None:
        self._block.update(part)
        self._filled += len(part)
        if self._filled == BLOCK:
            self._end_block()

    def _end_block(self) -> None:
        self._blocks.append(self._block.digest())
        if self._whole is None and self._wants_whole:
            self._whole = self._block
        self._block = hashlib.sha256()
        self._filled = 0


def fingerprint(data: bytes) -> Fingerprint:
    hasher = Hasher()
    hasher.update(data)
    return hasher.finish()
