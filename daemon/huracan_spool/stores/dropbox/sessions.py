"""Bytes across: contents become closed upload sessions, ready to be committed.

Session ids are fetched many at a time. Contents up to one chunk travel packed, several in one
`append_batch` call; larger ones as concurrent sessions whose pieces, multiples of 4 MiB, travel on several
connections at once, the closing piece last (an append after it may be refused).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from huracan_spool.content_hash import Hasher
from huracan_spool.errors import Refused, StoreError, TryAgain
from huracan_spool.stores.base import Content
from huracan_spool.stores.dropbox.api import Cursor, DropboxApi, HashMismatch, Piece, SessionGone
from huracan_spool.stores.dropbox.body import Body, BytesBody, FileSlice
from huracan_spool.stores.dropbox.classify import RouteMissing
from huracan_spool.threads import all_done, in_thread

IDS_AT_ONCE = 100
MAX_ENTRIES = 50  # per append_batch: its argument must fit in a header line, 8 KiB at many proxies
SESSION_LIFE = 6 * 86400.0  # seconds; Dropbox says 7 days
TRIES = 4
_READ = 1024 * 1024


class SessionIds:
    """A stock of unused sequential sessions, so that a run costs no call for them."""

    def __init__(self, api: DropboxApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._stock: list[str] = []
        self._fetched_at = 0.0
        self._lock = asyncio.Lock()

    async def take(self, count: int) -> list[str]:
        async with self._lock:
            if self._clock() - self._fetched_at > SESSION_LIFE:
                self._stock.clear()
            if len(self._stock) < count:
                fresh = await self._api.start_sessions(max(IDS_AT_ONCE, count), concurrent=False)
                self._fetched_at = self._fetched_at if self._stock else self._clock()
                self._stock += fresh
            taken, self._stock = self._stock[:count], self._stock[count:]
            return taken

    def drop(self) -> None:
        """The server does not know one of them: trust none."""
        self._stock.clear()


@dataclass
class RunSessions:
    """The closed sessions of one run, by content hash. A commit uses one up."""

    uploader: Uploader
    contents: Mapping[str, Content]
    bytes_sent: int = 0
    ready: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def prepare(self, wanted: Sequence[str]) -> None:
        """Have a closed session ready for each content hash, as often as it is named.

        Raises `StoreError`, `Rejected`.
        """
        missing = Counter(wanted)
        missing.subtract({hash_: len(ids) for hash_, ids in self.ready.items()})
        contents = [self.contents[hash_] for hash_ in (+missing).elements()]
        for content, session in await self.uploader.upload(contents):
            self.ready[content.content_hash].append(session)
            self.bytes_sent += content.fingerprint.size

    def use(self, hash_: str) -> str:
        return self.ready[hash_].pop()

    def give_back(self, hash_: str, session: str) -> None:
        """The commit was refused, and the session still holds the bytes."""
        self.ready[hash_].append(session)


class Uploader:
    """Sends contents; one for the account."""

    def __init__(self, api: DropboxApi, *, chunk_size: int, connections: int) -> None:
        self._api = api
        self._ids = SessionIds(api)
        self._chunk_size = chunk_size
        self._connections = connections
        self._may_batch = True
        self._log = structlog.get_logger()

    async def upload(self, contents: Sequence[Content]) -> list[tuple[Content, str]]:
        """Closed sessions for all of them, or an error and none."""
        small = [content for content in contents if content.fingerprint.size <= self._chunk_size]
        large = [content for content in contents if content.fingerprint.size > self._chunk_size]
        jobs = [self._packed(pack) for pack in _packs(small, self._chunk_size)]
        jobs += [self._in_pieces(content) for content in large]
        return [ready for done in await all_done(jobs) for ready in done]

    async def _packed(self, pack: Sequence[Content]) -> list[tuple[Content, str]]:
        """Repeats what failed, in new sessions; nothing that arrived is sent again."""
        done: list[tuple[Content, str]] = []
        todo = list(pack)
        for _ in range(TRIES):
            sessions = await self._ids.take(len(todo))
            errors = await self._send_pack(todo, sessions)
            done += [(c, s) for c, s, error in zip(todo, sessions, errors, strict=True) if error is None]
            for error in errors:
                self._raise_unless_session_trouble(error)
            todo = [content for content, error in zip(todo, errors, strict=True) if error is not None]
            if not todo:
                return done
        raise TryAgain(f"Dropbox does not keep the sessions it gave out: {errors}")

    async def _send_pack(self, pack: Sequence[Content], sessions: Sequence[str]) -> list[StoreError | None]:
        if len(pack) == 1 or not self._may_batch:
            return [await self._send_one(content, id_) for content, id_ in zip(pack, sessions, strict=True)]
        pieces = [
            Piece(Cursor(id_, 0), content.fingerprint.size, close=True)
            for content, id_ in zip(pack, sessions, strict=True)
        ]
        body = Body(tuple(_part(content, 0, content.fingerprint.size) for content in pack))
        try:
            return await self._api.append_batch(pieces, body, content_hash=await in_thread(_hash_of_pack, pack))
        except HashMismatch as error:
            return [error] * len(pack)
        except (Refused, RouteMissing) as error:
            # The newest of the routes, and no account of its behaviour but the specification: do without.
            self._log.warning("append_batch_refused", reason=str(error), action="sending files one by one")
            self._may_batch = False
            return await self._send_pack(pack, sessions)

    async def _send_one(self, content: Content, session: str) -> StoreError | None:
        size = content.fingerprint.size
        try:
            await self._api.append(
                Cursor(session, 0),
                Body((_part(content, 0, size),)),
                close=True,
                content_hash=content.content_hash,
            )
        except (SessionGone, HashMismatch) as error:
            return error
        return None

    async def _in_pieces(self, content: Content) -> list[tuple[Content, str]]:
        for _ in range(TRIES):
            [session] = await self._api.start_sessions(1, concurrent=True)
            with suppress(SessionGone):
                await self._send_pieces(content, session)
                return [(content, session)]
        raise TryAgain("Dropbox does not keep the session of a large file")

    async def _send_pieces(self, content: Content, session: str) -> None:
        size = content.fingerprint.size
        last = (size - 1) // self._chunk_size * self._chunk_size
        offsets = iter(range(0, last, self._chunk_size))
        await all_done(self._send_some(content, session, offsets) for _ in range(self._connections))
        await self._send_piece(content, session, last, size - last, close=True)

    async def _send_some(self, content: Content, session: str, offsets: Iterator[int]) -> None:
        for offset in offsets:
            await self._send_piece(content, session, offset, self._chunk_size, close=False)

    async def _send_piece(self, content: Content, session: str, offset: int, length: int, *, close: bool) -> None:
        hash_ = content.fingerprint.part_hash(offset, length)
        body = Body((_part(content, offset, length),))
        for _ in range(TRIES):
            with suppress(HashMismatch):  # damaged on the way, or changed on disk; nothing was stored
                await self._api.append(Cursor(session, offset), body, close=close, content_hash=hash_)
                return
        raise TryAgain("a piece of a file keeps arriving damaged, or the file is being written to")

    def _raise_unless_session_trouble(self, error: StoreError | None) -> None:
        if isinstance(error, SessionGone):
            self._ids.drop()
        elif error is not None and not isinstance(error, HashMismatch):
            raise error


def _part(content: Content, offset: int, length: int) -> FileSlice | BytesBody:
    if isinstance(content.source, bytes):
        return BytesBody(content.source[offset : offset + length])
    return FileSlice(content.source, offset, length)


def _packs(contents: Sequence[Content], most: int) -> Iterator[list[Content]]:
    """Contents in packs of at most `most` bytes and `MAX_ENTRIES` entries, in their order."""
    pack, filled = list[Content](), 0
    for content in contents:
        if pack and (filled + content.fingerprint.size > most or len(pack) == MAX_ENTRIES):
            yield pack
            pack, filled = [], 0
        pack.append(content)
        filled += content.fingerprint.size
    if pack:
        yield pack


def _hash_of_pack(pack: Sequence[Content]) -> str:
    """The content hash of the contents one after the other: its blocks are not those of the files."""
    hasher = Hasher()
    for content in pack:
        if isinstance(content.source, bytes):
            hasher.update(content.source)
            continue
        at, end = 0, content.fingerprint.size
        while at < end and (part := os.pread(content.source, min(_READ, end - at), at)):
            hasher.update(part)
            at += len(part)
    return hasher.finish().content_hash
