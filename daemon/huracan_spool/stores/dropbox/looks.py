"""Looking at days' folders, several at once: runs of one date that wait for a look share a listing.

Every run is looked at once more after its commit, so with a backlog a look for each would cost more calls than
all the rest.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from huracan_spool.errors import StoreError, TryAgain
from huracan_spool.stores.dropbox.api import DropboxApi, RemoteFile
from huracan_spool.threads import all_done


@dataclass(frozen=True)
class _Request:
    folder: str
    answer: asyncio.Future[list[RemoteFile]]


class Looks:
    """One for the account. Folders are those of a symbol, `…/{date}/{SYMBOL}`."""

    def __init__(self, api: DropboxApi) -> None:
        self._api = api
        self._long: set[str] = set()  # dates that no longer fit into one answer
        self._waiting: defaultdict[str, list[_Request]] = defaultdict(list)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def files_in(self, folder: str) -> list[RemoteFile]:
        """All files below `folder`, by a listing that begins after this call. Raises what a listing raises."""
        date = folder.rpartition("/")[0]
        request = _Request(folder, asyncio.get_running_loop().create_future())
        self._waiting[date].append(request)
        try:
            async with self._turns[date]:  # whoever has the turn looks for all who wait
                if not request.answer.done():
                    await self._serve(date, self._waiting.pop(date))
        except asyncio.CancelledError:
            request.answer.cancel()
            raise
        finally:
            if date not in self._waiting and not self._turns[date].locked():
                del self._turns[date]
        return await request.answer

    async def _serve(self, date: str, requests: Sequence[_Request]) -> None:
        folders = sorted({request.folder for request in requests})
        try:
            files = await self._files(date, folders)
        except StoreError as error:
            self._refuse(requests, error)
        except BaseException:  # cancelled: the others look for themselves when they come again
            self._refuse(requests, TryAgain("a look that others shared was interrupted"))
            raise
        else:
            for request in requests:
                below = request.folder.lower() + "/"
                found = [file for file in files if file.path.lower().startswith(below)]
                if not request.answer.done():
                    request.answer.set_result(found)

    async def _files(self, date: str, folders: Sequence[str]) -> list[RemoteFile]:
        """One listing for all, if it is of one moment: between two pages a file can move from one to the other."""
        if len(folders) > 1 and date not in self._long:
            files = await self._api.list_at_once(date)
            if files is not None:
                return files
            self._long.add(date)
        return [file for files in await all_done(map(self._api.list_folder, folders)) for file in files]

    def _refuse(self, requests: Sequence[_Request], error: StoreError) -> None:
        for request in requests:
            if not request.answer.done():
                request.answer.set_exception(error)
