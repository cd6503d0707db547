"""A folder in Dropbox, listed once and from then on followed by what changes in it.

The cursor of a listing gives, whenever it is asked, all changes since. So a look at a folder of any size costs one
call, as long as its listing is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from huracan_spool.errors import TryAgain
from huracan_spool.stores.dropbox.classify import CursorReset, Missing, NotAFile
from huracan_spool.stores.dropbox.listing import Listing

_LISTINGS = 3
_ROUNDS = 10


class Page(NamedTuple):
    """Where the next page begins, and whether it is there already."""

    cursor: str | None
    has_more: bool


# From a path, a cursor if there is one, and the listing that the page's entries are applied to.
ReadPage = Callable[[str, str | None, Listing], Awaitable[Page]]


class Followed:
    """`listing` is what `refresh` found last."""

    def __init__(self, read_page: ReadPage, path: str) -> None:
        self._read_page = read_page
        self._path = path
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.listing = Listing()
        self._cursor: str | None = None
        self._pages = 0  # of the round that is under way

    async def refresh(self) -> None:
        """The listing as it is at one moment after this call; empty when there is no such folder.

        Raises what a listing raises, and goes on from there the next time.
        """
        for _ in range(_LISTINGS):
            listed = self._cursor is not None
            try:
                await self._catch_up()
            except CursorReset:
                self._begin_anew()
            except NotAFile as error:  # an answer to another question: it says nothing of what is there
                raise TryAgain(str(error)) from error
            except Missing:
                self._begin_anew()
                if not listed:
                    return
            else:
                return
        raise TryAgain(f"{self._path} changes faster than it can be listed")

    async def _catch_up(self) -> None:
        """Until all that has changed comes in one answer.

        Of several pages none is of the moment of the others: between two of them a file can move from a folder
        that is still to come to one that has been.
        """
        for _ in range(_ROUNDS):
            if await self._round() == 1:
                return
        raise TryAgain(f"{self._path} changes faster than it can be followed")

    async def _round(self) -> int:
        """The number of its pages."""
        has_more = True
        while has_more:
            if self._cursor is None:
                self._begin_anew()
            self._cursor, has_more = await self._read_page(self._path, self._cursor, self.listing)
            self._pages += 1
        pages, self._pages = self._pages, 0
        return pages
