"""A folder that comes in one call, as a zip: many small files for the price of one.

The zip is no more trusted than any other bytes: each file is proven by its content hash before it gets its name,
and what is not in it, or not right, is for the caller to fetch by itself.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from huracan_spool.archive.partial import Partial
from huracan_spool.archive.pieces import DiskRefuses
from huracan_spool.archive.reader import Damaged, Moved, Wanted
from huracan_spool.content_hash import BLOCK

_UNREADABLE = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError)


class ZipSink:
    """Keeps the zip in a nameless file until it is taken apart. `most` bytes are kept at most."""

    def __init__(self, folder: Path, most: int, moved: Moved) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._most = most
        self._moved = moved
        self.file: IO[bytes] = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self.told = 0

    def begin(self, status: int, headers: Mapping[str, str]) -> None:  # noqa: ARG002
        self._moved(-self.told)
        self.told = 0
        self.file.seek(0)
        self.file.truncate()

    def take(self, part: bytes) -> None:
        if self.told > self._most:
            return  # no zip of what was wanted: its end will be missing
        try:
            self.file.write(part)
        except OSError as error:
            raise DiskRefuses(error) from error
        self.told += len(part)
        self._moved(len(part))

    def close(self) -> None:
        self.file.close()


def unpack(file: IO[bytes], places: Mapping[str, Wanted]) -> Sequence[Wanted]:
    """Those of the wanted files, by their lower-case place in the folder, that the zip does not give.

    Raises `OSError`.
    """
    left = dict(places)
    with suppress(*_UNREADABLE), zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            place = entry.filename.lower().partition("/")[2]
            wanted = left.get(place)
            if wanted is not None and entry.file_size == wanted.file.size:
                with suppress(Damaged, *_UNREADABLE):
                    _unpack_one(archive, entry, wanted)
                    del left[place]
    return list(left.values())


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, wanted: Wanted) -> None:
    with (
        closing(Partial(wanted.target, wanted.file.size, wanted.content_hash)) as partial,
        archive.open(entry) as source,
    ):
        for number in range(partial.blocks):
            block = source.read(BLOCK)
            partial.write(number * BLOCK, block)
            partial.have(number, hashlib.sha256(block).digest())
        partial.finish(wanted.file.modified)
