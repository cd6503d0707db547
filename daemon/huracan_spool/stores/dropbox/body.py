"""What a call sends: parts of open files and bytes in memory, readable again from the start for each try."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from huracan_spool.codes import Code
from huracan_spool.errors import Rejected
from huracan_spool.threads import in_thread

# Large enough that a hop to a thread is cheap beside it, small enough that a dozen in flight don't matter.
_CHUNK = 512 * 1024
Chunk = bytes | bytearray


@dataclass(frozen=True, slots=True)
class FileSlice:
    """`length` bytes at `offset` of the open file `fd`, which stays the property of its opener.

    Reading never moves the file's position, so slices of one descriptor may be sent at the same time. With `sha256`
    the last of the bytes is handed out only if all of them have this digest: nobody gets what was not meant.
    """

    fd: int
    offset: int
    length: int
    sha256: bytes | None = None

    def __len__(self) -> int:
        return self.length

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Raises `Rejected` when the file has become shorter than the slice or another one, or can't be read."""
        end = self.offset + self.length
        at = self.offset
        hasher = hashlib.sha256() if self.sha256 is not None else None
        while at < end:
            length = min(_CHUNK, end - at)
            chunk: Chunk | None = _cached(self.fd, length, at)
            if not chunk:
                chunk = await in_thread(_read, self.fd, length, at)
            at += len(chunk)
            if hasher is not None:
                hasher.update(chunk)
                if at == end and hasher.digest() != self.sha256:
                    raise Rejected(
                        Code.CHANGED_WHILE_READING,
                        "a file was written to before it was sent: publish a run only when its files are done",
                    )
            yield chunk


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A small part that is in memory anyway, such as a record."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data)

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.data), _CHUNK):
            yield self.data[start : start + _CHUNK]


Slice = FileSlice | BytesBody


@dataclass(frozen=True, slots=True)
class Body:
    """The slices one after the other. `len(body)` is the Content-Length; every `async for` starts anew."""

    slices: Sequence[Slice] = ()

    def __len__(self) -> int:
        return sum(len(part) for part in self.slices)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        for part in self.slices:
            async for chunk in part.chunks():
                yield chunk


def _cached(fd: int, length: int, offset: int) -> bytearray | None:
    """What is in memory already, as it is just after hashing: a hop to a thread costs more than the copy."""
    chunk = bytearray(length)
    try:
        count = os.preadv(fd, [chunk], offset, os.RWF_NOWAIT)
    except OSError:  # it is on the disk, or the file system does not say; what else is wrong shows there as well
        return None
    return chunk[:count] if count < length else chunk


def _read(fd: int, length: int, offset: int) -> bytes:
    try:
        chunk = os.pread(fd, length, offset)
    except OSError as error:
        raise Rejected(Code.UNREADABLE, f"a file can't be read at byte {offset}: {error.strerror}") from error
    if not chunk:
        raise Rejected(
            Code.CHANGED_WHILE_READING,
            f"a file ends at byte {offset}, before its size: publish a run only when its files are done",
        )
    return chunk
