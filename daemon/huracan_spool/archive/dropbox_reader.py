"""Dropbox as the archive reads it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from huracan_spool import layout
from huracan_spool.archive.partial import Partial
from huracan_spool.archive.pieces import DiskRefuses, PieceSink, pieces
from huracan_spool.archive.reader import Damaged, Gone, ListAgain, Moved, Page, StoredFile, Wanted
from huracan_spool.archive.zipped import ZipSink, unpack
from huracan_spool.content_hash import content_hash
from huracan_spool.errors import Refused, TryAgain
from huracan_spool.stores.dropbox.api import DropboxApi, Missing
from huracan_spool.stores.dropbox.classify import CursorReset, RouteMissing
from huracan_spool.threads import all_done, in_thread

# A zip has a header and an entry in its directory for each file and folder, a few hundred bytes together.
_ZIP_BESIDE = 64 * 1024


class DropboxReader:
    follows = True

    def __init__(self, api: DropboxApi, app_folder: str, name: str, connections: int) -> None:
        self._api = api
        self._root = f"/{app_folder}" if app_folder else ""
        self.name = name
        self._connections = connections
        self._zips = True

    async def page(self, cursor: str | None) -> Page:
        try:
            page = await self._api.changes(self._root, cursor)
        except (CursorReset, Refused) as error:
            if cursor is None:
                raise
            raise ListAgain from error  # refused: a cursor of another account
        except Missing as error:
            if cursor is not None:
                raise ListAgain from error
            return Page((), "", has_more=False)
        return Page(
            [change for entry in page.entries if (change := self._change(entry))], page.cursor, page.has_more
        )

    def _change(self, entry: Any) -> StoredFile | str | None:
        """None for a folder, which is no more than the files in it.

        By hand and not by the SDK, whose validators take 30 times as long: a first listing has a million entries.
        Raises `TryAgain` for what can't be read: left out, a file would count as not there.
        """
        try:
            tag, lower = entry[".tag"], str(entry["path_lower"])
            if tag == "folder" or not lower.startswith(f"{self._root.lower()}/"):
                return None
            path = lower[len(self._root) + 1 :]
            if tag == "deleted":
                return path
            version, size = str(entry["content_hash"]), int(entry["size"])
            return StoredFile(layout.restored(path), version, size, _seconds(entry["client_modified"]), entry["id"])
        except (KeyError, TypeError, ValueError) as error:
            raise TryAgain(f"an entry of a listing can't be read: {error!r}") from error

    async def read(self, file: StoredFile, limit: int) -> bytes:
        data = await self._download(file, limit)
        if content_hash(data) != file.version:
            raise Gone(f"{file.path} is another file by now")
        return data

    async def _download(self, file: StoredFile, limit: int) -> bytes:
        try:
            return await self._api.download(file.id, limit=limit)
        except Missing as error:
            raise Gone(f"{file.path} is not there any more") from error

    async def hash_of(self, file: StoredFile) -> str:
        return file.version

    def at_hand(self, file: StoredFile) -> Path | None:  # noqa: ARG002
        return None

    async def bring(self, wanted: Wanted, moved: Moved) -> None:
        if not await self._bring(wanted, moved):
            moved(-wanted.file.size)
            await self._bring(wanted, moved)

    async def _bring(self, wanted: Wanted, moved: Moved) -> bool:
        """False when what an earlier attempt left has spoiled it, and is gone now."""
        file = wanted.file
        with closing(await in_thread(Partial, wanted.target, file.size, wanted.content_hash)) as partial:
            moved(partial.arrived)
            await all_done(
                self._bring_piece(file, PieceSink(partial, *piece, moved), *piece)
                for piece in pieces(partial.missing(), self._connections)
            )
            try:
                await in_thread(partial.finish, file.modified)
            except Damaged:
                if not partial.taken_up:
                    raise
                return False
        return True

    async def _bring_piece(self, file: StoredFile, sink: PieceSink, offset: int, length: int) -> None:
        part = None if (offset, length) == (0, file.size) else (offset, length)
        try:
            await self._api.fetch(file.id, sink, part)
        except DiskRefuses as refusal:
            raise OSError(refusal.error.errno, refusal.error.strerror, str(sink.target)) from refusal
        except Missing as error:
            raise Gone(f"{file.path} is not there any more") from error
        if not sink.complete:
            raise Damaged(f"{file.path}: shorter than its {file.size} bytes")

    async def bring_folder(self, folder: str, wanted: Sequence[Wanted], moved: Moved) -> None:
        most = sum(each.file.size for each in wanted) * 2 + _ZIP_BESIDE
        sink = ZipSink(wanted[0].target.parent, most, moved)
        try:
            left = await self._unzip(folder, wanted, sink)
        finally:
            sink.close()
        if left:
            moved(-min(sink.told, sum(each.file.size for each in left)))
        for each in left:
            await self.bring(each, moved)

    async def _unzip(self, folder: str, wanted: Sequence[Wanted], sink: ZipSink) -> Sequence[Wanted]:
        if not self._zips:
            return wanted
        try:
            await self._api.fetch_folder(f"{self._root}/{folder.rstrip('/')}", sink)
        except DiskRefuses as refusal:
            raise OSError(refusal.error.errno, refusal.error.strerror, str(wanted[0].target)) from refusal
        except (Refused, Missing):
            return wanted
        except RouteMissing:
            self._zips = False
            return wanted
        places = {each.file.path.removeprefix(folder).lower(): each for each in wanted}
        return await in_thread(unpack, sink.file, places)


@lru_cache(maxsize=4096)  # a run's files have the same time
def _seconds(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
