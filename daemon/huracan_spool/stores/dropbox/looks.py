"""Looking at days' folders, several at once: runs of one date that wait for a look share one call.

Every run is looked at once more after its commit, so with a backlog a look for each would cost more calls than
all the rest. And a date is listed in full only once: after that, a look asks for what has changed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from huracan_spool.errors import StoreError, TryAgain
from huracan_spool.stores.dropbox.api import DropboxApi, RemoteFile
from huracan_spool.stores.dropbox.following import Followed
from huracan_spool.threads import all_done

MOST_FOLLOWED = 20_000  # files of all dates together, some 10 MB


@dataclass(frozen=True)
class _Request:
    folder: str
    answer: asyncio.Future[list[RemoteFile]]


class Looks:
    """One for the account. Folders are those of a symbol, `…/{date}/{SYMBOL}`."""

    def __init__(self, api: DropboxApi) -> None:
        self._api = api
        self._followed: dict[str, Followed] = {}
        self._long: set[str] = set()  # dates with too many files to be followed
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
        try:
            files = await self._files(date, sorted({request.folder for request in requests}))
        except StoreError as error:
            self._refuse(requests, error)
        except BaseException:  # cancelled: the others look for themselves when they come again
            self._refuse(requests, TryAgain("a look that others shared was interrupted"))
            raise
        else:
            for request in requests:
                if not request.answer.done():
                    request.answer.set_result(files[request.folder.lower()])

    async def _files(self, date: str, folders: Sequence[str]) -> Mapping[str, list[RemoteFile]]:
        """By folder, in lower case. A date is followed from when several of its folders are asked for at once."""
        if date in self._long or (len(folders) == 1 and date not in self._followed):
            listings = await all_done(map(self._api.list_folder, folders))
            return {folder.lower(): files for folder, files in zip(folders, listings, strict=True)}
        followed = self._followed.pop(date, None) or self._api.followed(date)
        try:
            await followed.refresh()
        finally:
            self._keep(date, followed)
        return _by_folder(followed.listing.files(), depth=date.count("/") + 2)

    def _keep(self, date: str, followed: Followed) -> None:
        """The newest, as long as all of them together are not too long."""
        if len(followed.listing) > MOST_FOLLOWED:
            self._long.add(date)
            return
        self._followed[date] = followed
        while sum(len(each.listing) for each in self._followed.values()) > MOST_FOLLOWED:
            del self._followed[next(iter(self._followed))]

    def _refuse(self, requests: Sequence[_Request], error: StoreError) -> None:
        for request in requests:
            if not request.answer.done():
                request.answer.set_exception(error)


def _by_folder(files: Iterable[RemoteFile], depth: int) -> Mapping[str, list[RemoteFile]]:
    """`depth` is the number of names and slashes that lead to a folder: `/a/b` has the depth 3."""
    found = defaultdict[str, list[RemoteFile]](list)
    for file in files:
        found["/".join(file.path.lower().split("/", depth)[:depth])].append(file)
    return found
