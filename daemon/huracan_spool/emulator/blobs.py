"""File content on disk, or in memory: pieces as they arrived, and files as sequences of pieces.

A file is never copied together. Its content names the pieces that hold its bytes, so committing a session of
gigabytes moves nothing, and a copy in Dropbox shares the pieces of its source. Pieces are never changed and
live as long as the emulator: old revisions stay readable.
"""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from huracan_spool.emulator.content_hash import BlockHasher

READ_BYTES = 1024 * 1024
# Small writes are cheaper than a thread; a MiB of hashing is not.
THREAD_FROM_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one call that nobody changes any more."""

    source: Path | bytes
    size: int
    hasher: BlockHasher

    @property
    def content_hash(self) -> str:
        return self.hasher.hexdigest()


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of one revision of a file."""

    pieces: tuple[Piece, ...]
    size: int
    content_hash: str

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Content:
        """The pieces joined. All but the last must be whole numbers of blocks."""
        joined = tuple(pieces)
        hasher = BlockHasher()
        for piece in joined:
            hasher.append(piece.hasher)
        return cls(joined, sum(piece.size for piece in joined), hasher.hexdigest())

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        return b"".join(self.chunks(start, length))

    def chunks(self, start: int = 0, length: int | None = None, piece_bytes: int = READ_BYTES) -> Generator[bytes]:
        wanted = self.size - start if length is None else length
        for piece in self.pieces:
            if start >= piece.size:
                start -= piece.size
                continue
            taken = min(piece.size - start, wanted)
            yield from _chunks(piece.source, start, taken, piece_bytes)
            start, wanted = 0, wanted - taken

    def open(self) -> BinaryIO:
        return io.BufferedReader(_ContentReader(self), READ_BYTES)


@dataclass(frozen=True)
class Received:
    """A request body, stored: one piece, or one for each length that was announced."""

    pieces: tuple[Piece, ...]
    size: int
    content_hash: str
    overflowed: bool


class Blobs:
    """The directory of pieces. `limit` is the largest body kept; the rest of a larger one is let pass."""

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory = directory
        self._limit = limit
        self._numbers = itertools.count()

    async def receive(self, body: AsyncIterator[bytes], lengths: Sequence[int] | None = None) -> Received:
        """Store a body. Nothing is left behind when it breaks off."""
        intake = _Intake(self, lengths, self._limit)
        try:
            async for chunk in body:
                await intake.take(chunk)
            return await intake.end()
        except BaseException:
            intake.forget()
            raise

    def store(self, data: bytes) -> Piece:
        writer = self.writer()
        writer.write(data)
        return writer.end()

    @staticmethod
    def hold(data: bytes) -> Piece:
        """A piece that takes no file: for hundreds of thousands of small ones, or bytes that many files share."""
        hasher = BlockHasher()
        hasher.update(data)
        return Piece(data, len(data), hasher)

    def writer(self) -> _PieceWriter:
        return _PieceWriter(self._directory / f"{next(self._numbers):08d}")


class _PieceWriter:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb", buffering=0)
        self._hasher = BlockHasher()
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._hasher.update(data)
        self.size += len(data)

    def end(self) -> Piece:
        self._file.close()
        return Piece(self.path, self.size, self._hasher)

    def forget(self) -> None:
        self._file.close()
        self.path.unlink()


class _Intake:
    """One body on its way in, cut at the announced lengths."""

    def __init__(self, blobs: Blobs, lengths: Sequence[int] | None, limit: int) -> None:
        self._writers = [blobs.writer() for _ in (lengths or [0])]
        self._lengths = list(lengths) if lengths else [limit]
        # One piece is hashed by its writer already.
        self._whole = BlockHasher() if len(self._writers) > 1 else None
        self._limit = limit
        self._size = 0
        self._current = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    async def take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            return
        self._waiting.append(chunk)
        self._waiting_bytes += len(chunk)
        if self._waiting_bytes >= READ_BYTES:
            await self._flush()

    async def end(self) -> Received:
        await self._flush()
        pieces = tuple(writer.end() for writer in self._writers)
        content_hash = self._whole.hexdigest() if self._whole else pieces[0].content_hash
        return Received(pieces, self._size, content_hash, self._size > self._limit)

    def forget(self) -> None:
        for writer in self._writers:
            writer.forget()

    async def _flush(self) -> None:
        chunks, count = self._waiting, self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0
        if count < THREAD_FROM_BYTES:
            self._write_all(chunks)
        else:
            await asyncio.to_thread(self._write_all, chunks)

    def _write_all(self, chunks: Sequence[bytes]) -> None:
        for chunk in chunks:
            self._write(chunk)

    def _write(self, data: bytes) -> None:
        if self._whole is not None:
            self._whole.update(data)
        view = memoryview(data)
        while view and self._current < len(self._writers):
            writer = self._writers[self._current]
            taken = view[: self._lengths[self._current] - writer.size]
            writer.write(taken)
            view = view[len(taken) :]
            if writer.size == self._lengths[self._current]:
                self._current += 1


class _ContentReader(io.RawIOBase):
    def __init__(self, content: Content) -> None:
        self._chunks = content.chunks()
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._left:
            self._left = next(self._chunks, b"")
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


def _chunks(source: Path | bytes, start: int, length: int, piece_bytes: int) -> Iterator[bytes]:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        file.seek(start)
        while length > 0:
            chunk = file.read(min(piece_bytes, length))
            length -= len(chunk)
            yield chunk
