"""The local archive as the archive reads it: the same tree in a folder of this host, which may be changing."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from huracan_spool.archive.partial import Partial
from huracan_spool.archive.reader import Damaged, Gone, ListAgain, Moved, Page, StoredFile, Wanted
from huracan_spool.content_hash import BLOCK
from huracan_spool.hashing import content_hash_of
from huracan_spool.threads import in_thread

_PAGE = 2000


class LocalReader:
    """`root` is `{archive}/{app_folder}`. There is nothing to follow: it is walked each time."""

    follows = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self.name = f"local:{root}"
        self._walk: Iterator[StoredFile] = iter(())
        self._cursor = ""

    async def page(self, cursor: str | None) -> Page:
        if cursor is None:
            self._walk, self._cursor = _files(self._root, ""), ""
        elif cursor != self._cursor:
            raise ListAgain
        files = await in_thread(_next, self._walk)
        self._cursor = files[-1].path if files else ""
        return Page(files, self._cursor, has_more=len(files) == _PAGE)

    async def read(self, file: StoredFile, limit: int) -> bytes:
        return await in_thread(self._read, file, limit)

    def _read(self, file: StoredFile, limit: int) -> bytes:
        with closing(_Opened(self._root, file)) as source:
            return os.pread(source.fd, limit + 1, 0)[:limit]

    async def hash_of(self, file: StoredFile) -> str:
        return await in_thread(self._hash_of, file)

    def _hash_of(self, file: StoredFile) -> str:
        with closing(_Opened(self._root, file)) as source:
            return content_hash_of(source.fd)

    def at_hand(self, file: StoredFile) -> Path | None:
        return self._root / file.id

    async def bring(self, wanted: Wanted, moved: Moved) -> None:
        await in_thread(self._bring, wanted, moved)

    def _bring(self, wanted: Wanted, moved: Moved) -> None:
        file = wanted.file
        with (
            closing(_Opened(self._root, file)) as source,
            closing(Partial(wanted.target, file.size, wanted.content_hash)) as partial,
        ):
            for number in range(partial.blocks):
                block = os.pread(source.fd, BLOCK, number * BLOCK)
                partial.write(number * BLOCK, block)
                partial.have(number, hashlib.sha256(block).digest())
                moved(len(block))
            partial.finish(file.modified)

    async def bring_folder(self, folder: str, wanted: Sequence[Wanted], moved: Moved) -> None:  # noqa: ARG002
        for each in wanted:
            await self.bring(each, moved)


def _next(walk: Iterator[StoredFile]) -> list[StoredFile]:
    return list(islice(walk, _PAGE))


class _Opened:
    """A file of the archive, if it is still that version."""

    def __init__(self, root: Path, file: StoredFile) -> None:
        try:
            self.fd = os.open(root / file.id, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise Gone(f"{file.path} is not there any more") from error
        if _version(os.fstat(self.fd)) != file.version:
            self.close()
            raise Gone(f"{file.path} is another file by now")

    def close(self) -> None:
        os.close(self.fd)


def _files(root: Path, below: str) -> Iterator[StoredFile]:
    """Regular files only, in the order of their paths; what is hidden is not the archive's."""
    try:
        entries = sorted(os.scandir(root / below), key=lambda entry: entry.name)
    except FileNotFoundError:  # moved meanwhile, or nothing has been stored yet
        return
    except NotADirectoryError as error:
        raise Damaged(f"{root / below} is no folder") from error
    for entry in entries:
        path = f"{below}{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(root, f"{path}/")
        elif entry.is_file(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            yield StoredFile(path, _version(status), status.st_size, int(status.st_mtime), path)


def _version(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "not a file"
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"
