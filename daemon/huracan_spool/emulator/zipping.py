"""A zip that is made while it is sent: by whom it is read decides how fast it grows."""

from __future__ import annotations

import zipfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from huracan_spool.emulator.blobs import Content

# Deflating a piece keeps everybody else waiting, so pieces are small.
PIECE_BYTES = 256 * 1024
# The first year that an entry's date can tell.
FIRST_YEAR = 1980


@dataclass(frozen=True)
class Entry:
    """A file under its name in the zip, or a folder: `content` None and a name that ends in a slash."""

    name: str
    content: Content | None = None
    modified: datetime | None = None


def zipped(entries: Iterable[Entry], *, deflate: bool) -> Generator[bytes]:
    """The zip in pieces of `PIECE_BYTES`. All that is ever held beside one is the directory at its end.

    A sink that can't tell where it is makes `zipfile` write sizes and checksums after each entry's bytes, in a
    data descriptor: the local header has zeros.
    """
    sink = _Sink()
    method = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    with zipfile.ZipFile(sink, "w", method, compresslevel=1) as archive:
        for entry in entries:
            for _ in _added(archive, entry):
                yield from sink.full()
    yield from sink.full()
    yield sink.rest()


def _added(archive: zipfile.ZipFile, entry: Entry) -> Iterator[None]:
    """A step for each piece of the file, since what was written wants to be taken away."""
    info = _info(archive, entry)
    if entry.content is None:
        archive.mkdir(info)
        return
    with archive.open(info, "w") as file:
        for chunk in entry.content.chunks(piece_bytes=PIECE_BYTES):
            file.write(chunk)
            yield


def _info(archive: zipfile.ZipFile, entry: Entry) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(entry.name)
    if entry.content is None:
        # The rights of a folder, and beside them the mark that MS-DOS knew.
        info.external_attr = 0o40755 << 16 | 0x10
        # `mkdir` leaves it unset.
        info.CRC = 0
        return info
    info.external_attr = 0o100644 << 16
    info.compress_type = archive.compression
    # Decides whether the descriptor has room for more than 4 GiB.
    info.file_size = entry.content.size
    if entry.modified is not None and entry.modified.year >= FIRST_YEAR:
        info.date_time = entry.modified.timetuple()[:6]
    return info


class _Sink:
    """Takes what is written until somebody takes it away."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing lies further down."""

    def close(self) -> None:
        """Nothing is open."""

    def full(self) -> Iterator[bytes]:
        """Whole pieces only: whoever sends in smaller ones than others gets less of a shared line."""
        while len(self._written) >= PIECE_BYTES:
            yield bytes(self._written[:PIECE_BYTES])
            del self._written[:PIECE_BYTES]

    def rest(self) -> bytes:
        return bytes(self._written)
