"""Dropbox's content hash, computed while the bytes pass."""

from __future__ import annotations

import hashlib

BLOCK_BYTES = 4 * 1024 * 1024
EMPTY_HASH = hashlib.sha256().hexdigest()


class BlockHasher:
    """SHA-256 of each 4 MiB block, and SHA-256 over those digests.

    What was hashed from a block boundary on can be appended without its bytes, so a file's hash costs
    nothing when its pieces are whole numbers of blocks.
    """

    __slots__ = ("_block", "_block_bytes", "_digests")

    def __init__(self) -> None:
        self._digests = bytearray()
        self._block = hashlib.sha256()
        self._block_bytes = 0

    @property
    def at_boundary(self) -> bool:
        return self._block_bytes == 0

    def update(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            taken = view[: BLOCK_BYTES - self._block_bytes]
            self._block.update(taken)
            self._block_bytes += len(taken)
            if self._block_bytes == BLOCK_BYTES:
                self._end_block()
            view = view[len(taken) :]

    def append(self, later: BlockHasher) -> None:
        """Go on as if the bytes of `later` had been hashed here. Only at a block boundary."""
        if not self.at_boundary:
            raise ValueError("digests can be appended at a block boundary only")
        self._digests += later._digests
        self._block = later._block.copy()
        self._block_bytes = later._block_bytes

    def hexdigest(self) -> str:
        last = self._block.digest() if self._block_bytes else b""
        return hashlib.sha256(bytes(self._digests) + last).hexdigest()

    def _end_block(self) -> None:
        self._digests += self._block.digest()
        self._block = hashlib.sha256()
        self._block_bytes = 0


def hash_of(data: bytes) -> str:
    hasher = BlockHasher()
    hasher.update(data)
    return hasher.hexdigest()
