"""Parts of a file on their way from Dropbox into a `Partial`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from huracan_spool.archive.partial import Partial
from huracan_spool.archive.reader import Moved
from huracan_spool.content_hash import BLOCK

# A call costs half a second beside its bytes, which one connection carries at 13 MiB a second.
_LARGEST = 8 * BLOCK


def pieces(gaps: Sequence[tuple[int, int]], connections: int) -> list[tuple[int, int]]:
    """Offsets and lengths, in whole blocks, that fill the gaps over so many connections at once."""
    total = sum(length for _, length in gaps)
    blocks = -(-total // (connections * BLOCK))
    length = min(_LARGEST, max(1, blocks) * BLOCK)
    return [
        (at, min(length, offset + size - at))
        for offset, size in gaps
        for at in range(offset, offset + size, length)
    ]


class DiskRefuses(Exception):
    """An `OSError` of a sink's own: raised as it is, it would pass for one of the connection's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class PieceSink:
    """Puts the part from `offset` on, `length` bytes, into its place, and notes each block as it is whole.

    `offset` is a multiple of a block. Raises `DiskRefuses`.
    """

    def __init__(self, partial: Partial, offset: int, length: int, moved: Moved) -> None:
        self._partial = partial
        self.target = partial.target
        self._from = offset
        self._to = offset + length
        self._moved = moved
        self._told = 0
        self._at = offset

    @property
    def complete(self) -> bool:
        return self._at >= self._to

    def begin(self, status: int, headers: Mapping[str, str]) -> None:  # noqa: ARG002
        self._moved(-self._told)
        self._told = 0
        # A server that knows no parts sends the file from its start.
        self._at = self._from if status == HTTPStatus.PARTIAL_CONTENT else 0
        self._block = hashlib.sha256()

    def take(self, part: bytes) -> None:
        view = memoryview(part)
        if self._at < self._from:
            skipped = min(len(view), self._from - self._at)
            self._at, view = self._at + skipped, view[skipped:]
        view = view[: max(0, self._to - self._at)]
        try:
            while view:
                view = self._take_of_block(view)
        except OSError as error:
            raise DiskRefuses(error) from error

    def _take_of_block(self, view: memoryview) -> memoryview:
        """What is left of the view after the block that it begins in."""
        end = min(self._to, (self._at // BLOCK + 1) * BLOCK)
        taken = view[: end - self._at]
        self._partial.write(self._at, taken)
        self._block.update(taken)
        self._at += len(taken)
        self._told += len(taken)
        self._moved(len(taken))
        if self._at == end:
            self._partial.have((end - 1) // BLOCK, self._block.digest())
            self._block = hashlib.sha256()
        return view[len(taken) :]
