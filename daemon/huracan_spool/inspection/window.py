"""A file that somebody else opened, read through its descriptor without moving the position they share."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Window(io.RawIOBase):
    """The first `size` bytes of `fd`. Closing it leaves the descriptor open."""

    def __init__(self, fd: int, size: int) -> None:
        super().__init__()
        self._fd = fd
        self.size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("a position before the file")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)[: max(0, self.size - self._at)]
        count = os.preadv(self._fd, [view], self._at) if view else 0
        self._at += count
        return count

    def read(self, size: int | None = -1) -> bytes:
        """Never asks for more memory than there are bytes: a damaged file claims lengths at will."""
        rest = max(0, self.size - self._at)
        data = os.pread(self._fd, rest if size is None or size < 0 else min(size, rest), self._at)
        self._at += len(data)
        return data

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(1024 * 1024), b""))
