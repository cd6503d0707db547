"""The API as typed calls: what the store is written against.

Every call waits its turn, renews its token and is repeated where that is safe. What it raises besides the
families of `huracan_spool.errors` is listed in `classify`. The batch calls have an error in the place of each
entry that failed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import structlog

from huracan_spool.activity import UNHEARD, Progress
from huracan_spool.errors import Refused, StoreError, TryAgain, Unknown, Unreachable
from huracan_spool.retry import CallRetry
from huracan_spool.stores.dropbox import routes, wire
from huracan_spool.stores.dropbox.arrival import all_appended, appended
from huracan_spool.stores.dropbox.auth import Credentials, token_source
from huracan_spool.stores.dropbox.body import Body, FileSlice
from huracan_spool.stores.dropbox.calls import Call, Caller, said_if_long, token_poster
from huracan_spool.stores.dropbox.classify import (
    Conflict,
    HashMismatch,
    Missing,
    RouteMissing,
    SessionClosed,
    SessionGone,
    TooBig,
    WrongOffset,
)
from huracan_spool.stores.dropbox.entries import CommitEntry, Cursor, MoveEntry, Piece, RemoteFile
from huracan_spool.stores.dropbox.following import Followed, Page
from huracan_spool.stores.dropbox.incoming import Sink
from huracan_spool.stores.dropbox.listing import Listing
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate
from huracan_spool.stores.dropbox.reply import Reply
from huracan_spool.stores.dropbox.transport import Transport, TransportOptions
from huracan_spool.stores.dropbox.trouble import Streaks

__all__ = [
    "NOWHERE",
    "CommitEntry",
    "Conflict",
    "Cursor",
    "DropboxApi",
    "HashMismatch",
    "Missing",
    "MoveEntry",
    "Piece",
    "RemoteFile",
    "SessionClosed",
    "SessionGone",
    "TooBig",
    "WrongOffset",
    "open_dropbox",
]

_PAGE = 2000
# Seconds: a job is asked for ever less often, and given up as unknown after ten minutes.
_FIRST_POLL, _SLOWEST_POLL, _LONGEST_JOB = 0.1, 20.0, 600.0
# Need not exist: "not found" is as good an answer as any. To ask for it needs files.metadata.read and nothing else.
NOWHERE = "/huracan-spool-probe"

_log = structlog.get_logger()


class ListingPage(NamedTuple):
    """A page of a listing; the cursor is where the next begins."""

    entries: list[Any]
    cursor: str
    has_more: bool


class DropboxApi:
    def __init__(self, caller: Caller, *, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._caller = caller
        self._sleep = sleep
        self._starts_many = True

    async def start_sessions(self, count: int, *, concurrent: bool) -> list[str]:
        """The ids of `count` new upload sessions; of one where many can't be had at once."""
        kind = "concurrent" if concurrent else "sequential"
        if self._starts_many:
            arg = {"num_sessions": count, "session_type": kind}
            try:
                result = await self._call(routes.START_BATCH, arg)
            except (Refused, RouteMissing) as error:
                _log.warning("start_batch_refused", reason=str(error), action="starting sessions one by one")
                self._starts_many = False
            else:
                return wire.session_ids(routes.START_BATCH, result.get("session_ids"), count)
        return [await self._start(kind)]

    async def _start(self, kind: str) -> str:
        result = await self._call(routes.START, {"session_type": kind})
        return wire.session_ids(routes.START, [result.get("session_id")], 1)[0]

    async def append(self, cursor: Cursor, body: Body, *, close: bool, content_hash: str) -> None:
        """Adds the body to a session. Repeating it, even after a crash, is safe."""
        arg = {"cursor": cursor.to_json(), "close": close, "content_hash": content_hash}
        piece = Piece(cursor, len(body), close)
        await self._caller.call(
            Call(routes.APPEND, arg, body),
            partial(appended, piece, repeated=False),
            partial(appended, piece, repeated=True),
        )

    def arrived_before(self, body: Body) -> None:
        """For those who watch: these bytes need not be sent."""
        for part in body.slices:
            if isinstance(part, FileSlice):
                self._caller.progress.moved(part.fd, part.offset, part.length)

    async def append_batch(self, pieces: Sequence[Piece], body: Body) -> list[StoreError | None]:
        """Adds pieces, whose bytes lie one after the other in the body, each to its own session.

        Without a content hash, which would be that of the whole body: its parts are checked as they are sent.
        """
        arg = {"entries": [piece.to_json() for piece in pieces]}
        return await self._caller.call(
            Call(routes.APPEND_BATCH, arg, body),
            partial(all_appended, pieces, repeated=False),
            partial(all_appended, pieces, repeated=True),
        )

    async def finish_batch(self, entries: Sequence[CommitEntry]) -> list[RemoteFile | StoreError]:
        """Makes closed sessions into files. Raises `Unknown` when the answer was lost.

        `Unknown` in the place of an entry: its answer can't be read.
        """
        arg = {"entries": [entry.to_json() for entry in entries]}
        result = await self._call(routes.FINISH_BATCH, arg)
        return [
            wire.entry(routes.FINISH_BATCH, raw, RemoteFile.from_json)
            for raw in wire.entries(routes.FINISH_BATCH, result, len(entries))
        ]

    async def list_folder(self, path: str) -> list[RemoteFile]:
        """All files below `path` (`""` is the root), at any depth; none when there is no such folder."""
        folder = self.followed(path)
        await folder.refresh()
        return folder.listing.files()

    def followed(self, path: str) -> Followed:
        """A folder that is going to be listed often."""
        return Followed(self._page, path)

    async def _page(self, path: str, cursor: str | None, listing: Listing) -> Page:
        route, arg = _listing_call(path, cursor)
        return await self._caller.call(Call(route, arg), partial(_read_page, route, listing))

    async def get_metadata(self, path: str) -> RemoteFile | None:
        """The file at a path or `id:…`; None when there is none, and for a folder."""
        try:
            result = await self._call(routes.GET_METADATA, {"path": path})
        except Missing:
            return None
        if result.get(".tag") in ("folder", "deleted"):
            return None
        return _file(routes.GET_METADATA, result)

    async def download(self, path_or_id: str, *, limit: int) -> bytes:
        """A small file's bytes. Raises `Missing`, and `TooBig` beyond `limit` bytes."""
        call = Call(routes.DOWNLOAD, {"path": path_or_id}, longest=limit)
        return await self._caller.call(call, partial(wire.decode_download, routes.DOWNLOAD, limit=limit))

    async def fetch(self, path_or_id: str, sink: Sink, part: tuple[int, int] | None = None) -> None:
        """A file's bytes into a sink; of a `part`, which is an offset and a length, those alone.

        Raises `Missing`. The sink sees by the status that it gets the whole file nevertheless: 200, not 206.
        """
        wanted = None if part is None else f"bytes={part[0]}-{part[0] + part[1] - 1}"
        call = Call(routes.DOWNLOAD, {"path": path_or_id}, into=sink, part=wanted)
        await self._caller.call(call, partial(wire.decode_streamed, routes.DOWNLOAD))

    async def fetch_folder(self, path: str, sink: Sink) -> None:
        """A folder with everything below it as a zip. Raises `Missing`, and `Refused` for what is too much."""
        call = Call(routes.DOWNLOAD_ZIP, {"path": path}, into=sink)
        await self._caller.call(call, partial(wire.decode_streamed, routes.DOWNLOAD_ZIP))

    async def changes(self, path: str, cursor: str | None) -> ListingPage:
        """A page of what is below `path`, or of what changed since the cursor, as the JSON of its entries.

        Raises `CursorReset`, and `Missing` when there is no such folder.
        """
        route, arg = _listing_call(path, cursor)
        page = await self._call(route, arg)
        entries, following = page.get("entries"), page.get("cursor")
        if not isinstance(entries, list) or not isinstance(following, str):
            raise wire.unreadable(route, "a page without entries or cursor")
        return ListingPage(entries, following, bool(page.get("has_more")))

    async def move_batch(self, entries: Sequence[MoveEntry]) -> list[RemoteFile | StoreError]:
        """Moves files; nothing is replaced. Raises `Unknown` when the answer was lost."""
        return await self._relocate(routes.MOVE_BATCH, routes.MOVE_BATCH_CHECK, entries)

    async def copy_batch(self, entries: Sequence[MoveEntry]) -> list[RemoteFile | StoreError]:
        """Copies files; nothing is replaced. Raises `Unknown` when the answer was lost."""
        return await self._relocate(routes.COPY_BATCH, routes.COPY_BATCH_CHECK, entries)

    async def _relocate(
        self, route: wire.Route, check: wire.Route, entries: Sequence[MoveEntry]
    ) -> list[RemoteFile | StoreError]:
        arg = {"entries": [entry.to_json() for entry in entries], "autorename": False}
        result = await self._call(route, arg)
        if result.get(".tag") == "async_job_id":
            result = await self._outcome(check, str(result.get("async_job_id")))
        return [wire.entry(route, raw, _relocated) for raw in wire.entries(route, result, len(entries))]

    async def _outcome(self, check: wire.Route, job: str) -> Any:
        """A job's result; by now it may have taken effect, so an unanswered question is `Unknown`."""
        with said_if_long(check.name, _LONGEST_JOB):
            return await self._polled(check, job)

    async def _polled(self, check: wire.Route, job: str) -> Any:
        pause, waited = _FIRST_POLL, 0.0
        while waited < _LONGEST_JOB:
            await self._sleep(pause)
            waited += pause
            pause = min(pause * 1.5, _SLOWEST_POLL)
            try:
                result = await self._call(check, {"async_job_id": job})
            except Unreachable:
                raise  # to the end of the attempt; the next one begins with a look
            except TryAgain as error:
                raise Unknown(f"a batch of moves or copies can't be followed: {error}") from error
            if result.get(".tag") == "complete":
                return result
            if result.get(".tag") != "in_progress":
                raise Unknown(f"{check.name}: the answer is none about a job")
        raise Unknown(f"a batch of moves or copies is not done after {waited:.0f} s")

    async def check_account(self) -> None:
        """Raises what every other call would raise now."""
        await self.get_metadata(NOWHERE)

    def token_good_for(self) -> float | None:
        """The seconds that the present token lasts, as far as is known."""
        return self._caller.tokens.good_for()

    async def ask(self, route: wire.Route) -> Any:
        """The answer of a route that takes no argument."""
        return await self._caller.call(Call(route, None), partial(wire.decode, route))

    async def _call(self, route: wire.Route, arg: Mapping[str, Any]) -> Any:
        return await self._caller.call(Call(route, arg), partial(wire.decode, route))


def _listing_call(path: str, cursor: str | None) -> tuple[wire.Route, dict[str, Any]]:
    if cursor is None:
        return routes.LIST_FOLDER, {"path": path, "recursive": True, "limit": _PAGE}
    return routes.LIST_FOLDER_CONTINUE, {"cursor": cursor}


def _read_page(route: wire.Route, listing: Listing, reply: Reply) -> Page:
    page: dict[str, Any] = wire.decode(route, reply)
    entries = page.get("entries")
    try:
        for entry in entries if isinstance(entries, list) else [None]:
            listing.apply(entry)
    except ValueError as error:
        raise wire.unreadable(route, str(error)) from error
    cursor, has_more = page.get("cursor"), bool(page.get("has_more"))
    if not isinstance(cursor, str):
        if has_more:
            raise wire.unreadable(route, "there is more, but no cursor to get it")
        cursor = None
    return Page(cursor, has_more)


def _file(route: wire.Route, metadata: object) -> RemoteFile:
    try:
        return RemoteFile.from_json(metadata)
    except ValueError as error:
        raise wire.unreadable(route, str(error)) from error


def _relocated(entry: dict[str, Any]) -> RemoteFile:
    return RemoteFile.from_json(entry.get("success"))


@asynccontextmanager
async def open_dropbox(
    options: TransportOptions,
    credentials: Credentials,
    *,
    rate: CallRate,
    bandwidth: Bandwidth,
    retry: CallRetry,
    progress: Progress = UNHEARD,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[DropboxApi]:
    """The API with its connections open. Contacts nobody by itself."""
    async with Transport(options, bandwidth, progress) as transport:
        tokens = token_source(credentials, token_poster(transport, rate, progress), clock=clock)
        yield DropboxApi(Caller(transport, tokens, rate, retry, progress, Streaks(clock)), sleep=sleep)
