"""Bytes across: contents become closed upload sessions, ready to be committed.

What waits is turned into calls when a call may begin, whosever it is: small contents share an `append_batch`,
of several runs together when there is a backlog; middle ones have a call each; large ones are concurrent
sessions whose pieces travel on several connections at once, the closing piece last (an append after it may be
refused). A large session and its pieces are noted in the ledger, so that a restart sends only what is missing.

Calls begin first come first served, and a large content asks for each piece anew, so it takes no more than its
share of the line from those behind it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from huracan_spool.content_hash import BLOCK
from huracan_spool.errors import Refused, Rejected, StoreError, TryAgain
from huracan_spool.ledger import SESSION_LIFE, LargeSession
from huracan_spool.stores.base import Content
from huracan_spool.stores.dropbox.api import Cursor, DropboxApi, HashMismatch, Piece, SessionClosed, SessionGone
from huracan_spool.stores.dropbox.body import Body, BytesBody, FileSlice
from huracan_spool.stores.dropbox.classify import RouteMissing
from huracan_spool.stores.dropbox.routes import MOST_PIECES
from huracan_spool.threads import all_done, in_thread

SMALL = BLOCK  # a larger content fills a call of its own well enough
IDS_AT_ONCE = {False: 300, True: 10}  # by whether the sessions are concurrent
TRIES = 4


class SessionLedger(Protocol):
    """Where the sessions of large files survive a restart. Losing it costs bytes, nothing else."""

    def load_session(self, content_hash: str) -> LargeSession | None: ...

    def save_session(self, content_hash: str, session_id: str, piece: int) -> None: ...

    def piece_done(self, content_hash: str, offset: int) -> None: ...

    def forget_session(self, content_hash: str) -> None: ...


class SessionIds:
    """A stock of unused sessions, so that a run costs no call for them."""

    def __init__(self, api: DropboxApi, *, concurrent: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._concurrent = concurrent
        self._clock = clock
        self._stock: deque[str] = deque()
        self._fetched_at = 0.0
        self._lock = asyncio.Lock()

    async def take(self) -> str:
        async with self._lock:
            await self._fill_if_empty()
            return self._stock.popleft()

    async def have_some(self) -> None:
        async with self._lock:
            await self._fill_if_empty()

    async def _fill_if_empty(self) -> None:
        if self._clock() - self._fetched_at > SESSION_LIFE:
            self._stock.clear()
        if not self._stock:
            self._fetched_at = self._clock()
            count = IDS_AT_ONCE[self._concurrent]
            self._stock.extend(await self._api.start_sessions(count, concurrent=self._concurrent))

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
    _coming: Counter[str] = field(default_factory=Counter)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def prepare(self, wanted: Sequence[str]) -> None:
        """Have a closed session ready for each content hash, as often as it is named.

        Raises `StoreError`, `Rejected`. What came across all the same stays ready. Two may prepare at a time:
        what the one is bringing, the other waits for.
        """
        while missing := self._missing(wanted):
            if new := missing - self._coming:
                await self._bring(new)
                continue
            async with self._came:
                await self._came.wait_for(lambda: self._is_over(wanted))

    def _missing(self, wanted: Sequence[str]) -> Counter[str]:
        return Counter(wanted) - Counter({hash_: len(ids) for hash_, ids in self.ready.items()})

    def _is_over(self, wanted: Sequence[str]) -> bool:
        """Whether there is nothing left to wait for: all is ready, or something is not even coming."""
        missing = self._missing(wanted)
        return not missing or bool(missing - self._coming)

    async def _bring(self, missing: Counter[str]) -> None:
        self._coming += missing
        try:
            await self.uploader.upload([self.contents[hash_] for hash_ in missing.elements()], self._arrived)
        finally:
            self._coming -= missing
            async with self._came:
                self._came.notify_all()

    def use(self, hash_: str) -> str:
        return self.ready[hash_].pop()

    def give_back(self, hash_: str, session: str) -> None:
        """The commit was refused, and the session still holds the bytes."""
        self.ready[hash_].append(session)

    def _arrived(self, content: Content, session: str, sent: int) -> None:
        self.ready[content.content_hash].append(session)
        self.bytes_sent += sent


Answer = str | StoreError | Rejected | None


@dataclass(eq=False)
class _Small:
    """A small content that waits to be packed. The answer is its session; None when the call was interrupted."""

    content: Content
    answer: asyncio.Future[Answer]


Arrived = Callable[[Content, str, int], None]


class Uploader:
    """Sends contents; one for the account. `connections` calls with bytes are under way at most."""

    def __init__(
        self, api: DropboxApi, *, chunk_size: int, connections: int, ledger: SessionLedger | None = None
    ) -> None:
        self._api = api
        self._ids = SessionIds(api, concurrent=False)
        self._large_ids = SessionIds(api, concurrent=True)
        self._chunk_size = chunk_size
        self._connections = connections
        self._ledger = ledger
        self._slots = asyncio.Semaphore(connections)
        self._small: deque[_Small] = deque()
        self._under_way = 0
        self._may_batch = True
        self._log = structlog.get_logger()

    async def warm_up(self) -> None:
        """Have session ids in stock for the first run."""
        await self._ids.have_some()

    @property
    def is_idle(self) -> bool:
        return self._under_way == 0

    @property
    def is_busy(self) -> bool:
        """Whether a call with bytes would have to wait: the line, not the latency, is what is short."""
        return self._under_way >= self._connections

    async def upload(self, contents: Sequence[Content], arrived: Arrived) -> None:
        """A closed session for each, told to `arrived` one by one with the bytes that it took.

        Raises the first failure; what had arrived by then was told.
        """
        small = [self._wait_for_pack(content) for content in contents if content.fingerprint.size <= SMALL]
        rest = [content for content in contents if content.fingerprint.size > SMALL]
        work = [self._large(content, arrived) for content in rest if content.fingerprint.size > self._chunk_size]
        work += [self._single(content, arrived) for content in rest if content.fingerprint.size <= self._chunk_size]
        work += [self._packed(each, arrived) for each in small]
        self._under_way += len(contents)
        try:
            await all_done(work)
        finally:
            self._under_way -= len(contents)

    # -- small contents

    def _wait_for_pack(self, content: Content) -> _Small:
        waiting = _Small(content, asyncio.get_running_loop().create_future())
        self._small.append(waiting)
        return waiting

    async def _packed(self, waiting: _Small, arrived: Arrived) -> None:
        try:
            for _ in range(TRIES):
                answer = await self._answer(waiting)
                if isinstance(answer, str):
                    arrived(waiting.content, answer, waiting.content.fingerprint.size)
                    return
                self._raise_unless_session_trouble(answer)
                waiting = self._wait_for_pack(waiting.content)
        finally:
            with suppress(ValueError):
                self._small.remove(waiting)
        raise TryAgain("Dropbox does not keep the sessions it gave out")

    async def _answer(self, waiting: _Small) -> Answer:
        """Whoever gets a call's turn sends what waits, its own among it, unless that went with another's."""
        async with self._slots:
            if waiting in self._small:
                await self._send_pack(self._next_pack())
        return await waiting.answer

    def _next_pack(self) -> list[_Small]:
        pack, filled = list[_Small](), 0
        while self._small and len(pack) < MOST_PIECES:
            size = self._small[0].content.fingerprint.size
            if pack and filled + size > self._chunk_size:
                break
            pack.append(self._small.popleft())
            filled += size
        return pack

    async def _send_pack(self, pack: Sequence[_Small]) -> None:
        answers: list[Answer] = [None] * len(pack)
        try:
            sessions = [await self._ids.take() for _ in pack]
            errors = await self._append_pack([each.content for each in pack], sessions)
            answers = [error or session for error, session in zip(errors, sessions, strict=True)]
        except Rejected:  # one of the files can't be read; the others are not to suffer for it
            answers = [await self._alone(each.content) for each in pack]
        except StoreError as error:
            answers = [error] * len(pack)
        finally:  # cancelled: the others try again themselves
            for each, answer in zip(pack, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)

    async def _append_pack(self, pack: Sequence[Content], sessions: Sequence[str]) -> list[StoreError | None]:
        if len(pack) == 1 or not self._may_batch:
            return [await self._append_one(content, id_) for content, id_ in zip(pack, sessions, strict=True)]
        pieces = [
            Piece(Cursor(id_, 0), content.fingerprint.size, close=True)
            for content, id_ in zip(pack, sessions, strict=True)
        ]
        body = Body(tuple(_part(content, 0, content.fingerprint.size) for content in pack))
        try:
            return await self._api.append_batch(pieces, body)
        except (Refused, RouteMissing) as error:
            # The newest of the routes, and no account of its behaviour but the specification: do without.
            self._log.warning("append_batch_refused", reason=str(error), action="sending files one by one")
            self._may_batch = False
            return await self._append_pack(pack, sessions)

    async def _append_one(self, content: Content, session: str) -> StoreError | None:
        size = content.fingerprint.size
        body = Body((_part(content, 0, size),))
        try:
            await self._api.append(Cursor(session, 0), body, close=True, content_hash=content.content_hash)
        except (SessionGone, SessionClosed, HashMismatch) as error:
            return error
        return None

    async def _alone(self, content: Content) -> Answer:
        try:
            session = await self._ids.take()
            return await self._append_one(content, session) or session
        except (StoreError, Rejected) as error:
            return error

    # -- middle ones

    async def _single(self, content: Content, arrived: Arrived) -> None:
        for _ in range(TRIES):
            session = await self._ids.take()
            async with self._slots:
                error = await self._append_one(content, session)
            if error is None:
                arrived(content, session, content.fingerprint.size)
                return
            self._raise_unless_session_trouble(error)
        raise TryAgain("Dropbox does not keep the sessions it gave out")

    # -- large ones

    async def _large(self, content: Content, arrived: Arrived) -> None:
        for _ in range(TRIES):
            saved = await self._saved(content)
            try:
                sent = await _LargeUpload(self, content, saved).send()
            except (SessionGone, SessionClosed):
                self._large_ids.drop()
                await self.forget(content)
                continue
            arrived(content, saved.session_id, sent)
            return
        raise TryAgain("Dropbox does not keep the session of a large file")

    async def _saved(self, content: Content) -> LargeSession:
        if self._ledger is not None:
            saved = await in_thread(self._ledger.load_session, content.content_hash)
            if saved is not None:
                return saved
        saved = LargeSession(await self._large_ids.take(), self._chunk_size, frozenset())
        if self._ledger is not None:
            await in_thread(self._ledger.save_session, content.content_hash, saved.session_id, saved.piece)
        return saved

    async def forget(self, content: Content) -> None:
        """A content's session is used up, or the server does not know it."""
        if self._ledger is not None and content.fingerprint.size > self._chunk_size:
            await in_thread(self._ledger.forget_session, content.content_hash)

    async def send_piece(self, content: Content, session: str, offset: int, length: int, *, close: bool) -> None:
        hash_ = content.fingerprint.part_hash(offset, length)
        body = Body((_part(content, offset, length),))
        for _ in range(TRIES):
            with suppress(HashMismatch):  # damaged on the way, or changed on disk; nothing was stored
                async with self._slots:
                    await self._api.append(Cursor(session, offset), body, close=close, content_hash=hash_)
                await in_thread(self._piece_arrived, content, offset, length)
                return
        raise TryAgain("a piece of a file keeps arriving damaged, or the file is being written to")

    def _piece_arrived(self, content: Content, offset: int, length: int) -> None:
        if self._ledger is not None:
            self._ledger.piece_done(content.content_hash, offset)
        _forget_pages(content, offset, length)

    @property
    def side_by_side(self) -> int:
        """How many pieces of one content travel at once: some connections stay for the others."""
        return max(1, self._connections * 2 // 3)

    def _raise_unless_session_trouble(self, error: StoreError | Rejected | None) -> None:
        if isinstance(error, SessionGone | SessionClosed):
            self._ids.drop()
        elif error is not None and not isinstance(error, HashMismatch):
            raise error


@dataclass
class _LargeUpload:
    """One content on its way in pieces."""

    uploader: Uploader
    content: Content
    saved: LargeSession
    sent: int = 0

    async def send(self) -> int:
        """The bytes that had to be sent. Raises `SessionGone` when the session can't be used (any more)."""
        size = self.content.fingerprint.size
        # The closing piece travels alone, so it is kept short: the rest of the last 4 MiB.
        last = (size - 1) // BLOCK * BLOCK
        pieces = iter(
            (at, min(self.saved.piece, last - at))
            for at in range(0, last, self.saved.piece)
            if at not in self.saved.done
        )
        await all_done(self._send_some(pieces) for _ in range(self.uploader.side_by_side))
        if last not in self.saved.done:
            await self._close(last, size - last)
        return self.sent

    async def _close(self, offset: int, length: int) -> None:
        """A session that is closed already was closed by this very piece, just before a crash.

        All others are noted as arrived; what the commit answers is the proof.
        """
        try:
            await self._send(offset, length, close=True)
        except SessionClosed:
            if not self.saved.done:  # begun just now, so this is something else
                raise

    async def _send_some(self, pieces: Iterator[tuple[int, int]]) -> None:
        for offset, length in pieces:
            await self._send(offset, length, close=False)

    async def _send(self, offset: int, length: int, *, close: bool) -> None:
        await self.uploader.send_piece(self.content, self.saved.session_id, offset, length, close=close)
        self.sent += length


def _part(content: Content, offset: int, length: int) -> FileSlice | BytesBody:
    if isinstance(content.source, bytes):
        return BytesBody(content.source[offset : offset + length])
    is_one_block = content.fingerprint.size <= BLOCK
    return FileSlice(
        content.source, offset, length, content.fingerprint.blocks[0] if is_one_block and length else None
    )


def _forget_pages(content: Content, offset: int, length: int) -> None:
    """A large file that was sent is not to push training's data out of the page cache; small ones go soon."""
    if not isinstance(content.source, bytes):
        os.posix_fadvise(content.source, offset, length, os.POSIX_FADV_DONTNEED)
