"""A file on its way: written block by block beside its place, proven, and only then given its name.

`.{name}.{hash8}.part` holds the bytes and `….have` the numbers of the blocks that are there. What a crash leaves
after each step: bytes without their number are fetched again; a number whose bytes a power cut took is found when
its block is hashed, which happens to all of them once, when the file is taken up again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from huracan_spool.archive.reader import Damaged
from huracan_spool.content_hash import BLOCK, hash_of_blocks

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_LIST = 64 * 1024 * 1024  # of a file of terabytes


class Partial:
    """One file of `size` bytes whose content hash is known. Raises `OSError`.

    It is this process's until it is closed, and made only when no other has it: the bytes of two would be in each
    other's way.
    """

    def __init__(self, target: Path, size: int, content_hash: str) -> None:
        self.target = target
        self.size = size
        self.content_hash = content_hash
        beside = target.with_name(f".{target.name[:200]}.{content_hash[:8]}.part")
        self._path = beside
        self._list = beside.with_suffix(".have")
        self._digests: dict[int, bytes] = {}
        self.taken_up = False
        """Whether some of it is from an earlier attempt."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._locked()
        try:
            self._have = os.open(self._list, _FLAGS | os.O_APPEND, 0o644) if self.blocks > 1 else None
            self._take_up()
        except BaseException:
            os.close(self._file)
            raise

    def _locked(self) -> int:
        while True:
            file = os.open(self._path, _FLAGS, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(file), os.stat(self._path)):
                    return file
            except FileNotFoundError:
                pass  # whoever had it has finished it
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def close(self) -> None:
        if self._have is not None:
            os.close(self._have)
        os.close(self._file)

    @property
    def arrived(self) -> int:
        """Bytes in whole blocks."""
        return sum(self._length(number) for number in self._digests)

    def missing(self) -> list[tuple[int, int]]:
        """Offset and length of what has not come, in runs of neighbours."""
        gaps: list[tuple[int, int]] = []
        for number in range(self.blocks):
            if number in self._digests:
                continue
            offset, length = number * BLOCK, self._length(number)
            if gaps and sum(gaps[-1]) == offset:
                gaps[-1] = (gaps[-1][0], gaps[-1][1] + length)
            else:
                gaps.append((offset, length))
        return gaps

    @property
    def blocks(self) -> int:
        return -(-self.size // BLOCK)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        while data:
            written = os.pwrite(self._file, data, offset)
            offset, data = offset + written, data[written:]

    def have(self, number: int, digest: bytes) -> None:
        """A whole block has been written; this is its sha256."""
        self._digests[number] = digest
        if self._have is not None:
            os.write(self._have, f"{number}\n".encode())

    def finish(self, modified: int) -> None:
        """Give the file its name, for bytes that are those of its content hash; else begin anew.

        Raises `Damaged`.
        """
        digests = (self._digests[number] for number in range(self.blocks))
        if hash_of_blocks(digests) != self.content_hash:
            self.forget()
            raise Damaged(f"{self.target.name}: what came is not what was stored, by its content hash")
        os.ftruncate(self._file, self.size)
        with suppress(OSError, OverflowError):
            os.utime(self._file, (modified, modified))
        os.fdatasync(self._file)  # or a power cut could leave the name and take the bytes
        os.rename(self._path, self.target)
        self._list.unlink(missing_ok=True)

    def forget(self) -> None:
        self._digests.clear()
        self._path.unlink(missing_ok=True)
        self._list.unlink(missing_ok=True)

    def _take_up(self) -> None:
        """Hash what an earlier attempt left. What is beyond the file, or not readable as a number, is ignored."""
        for line in os.pread(self._have, _LONGEST_LIST, 0).split() if self._have is not None else ():
            number = int(line) if line.isdigit() else self.blocks
            if number < self.blocks and number not in self._digests:
                block = os.pread(self._file, self._length(number), number * BLOCK)
                if len(block) == self._length(number):
                    self._digests[number] = hashlib.sha256(block).digest()
        self.taken_up = bool(self._digests)

    def _length(self, number: int) -> int:
        return min(BLOCK, self.size - number * BLOCK)
