"""Bytes across: contents become closed upload sessions, ready to be committed.

What waits is turned into calls when a call may begin, whosever it is: small contents share an `append_batch`,
of several runs together when there is a backlog; middle ones have a call each; large ones travel in pieces. Calls
begin first come first served.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from huracan_spool.content_hash import BLOCK
from huracan_spool.errors import Refused, Rejected, StoreError, TryAgain
from huracan_spool.stores.base import Content
from huracan_spool.stores.dropbox.api import Cursor, DropboxApi, HashMismatch, Piece, SessionClosed, SessionGone
from huracan_spool.stores.dropbox.body import Body
from huracan_spool.stores.dropbox.classify import RouteMissing
from huracan_spool.stores.dropbox.contents import part_of
from huracan_spool.stores.dropbox.large_uploads import LargeUploads, Line, SessionLedger
from huracan_spool.stores.dropbox.piece_length import PieceLength
from huracan_spool.stores.dropbox.routes import MOST_PIECES
from huracan_spool.stores.dropbox.session_ids import SessionIds
from huracan_spool.threads import all_done

SMALL = BLOCK  # a larger content fills a call of its own well enough
TRIES = 4


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
        self._chunk_size = chunk_size
        self._connections = connections
        self._slots = asyncio.Semaphore(connections)
        # Some connections stay for the others.
        line = Line(self._slots, side_by_side=max(1, connections * 2 // 3))
        self._pieces = PieceLength(chunk_size)
        self._large_uploads = LargeUploads(api, line, pieces=self._pieces, ledger=ledger)
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
        work = [
            self._large(content, arrived) if self._is_large(content) else self._single(content, arrived)
            for content in rest
        ]
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
        body = Body(tuple(part_of(content, 0, content.fingerprint.size) for content in pack))
        try:
            return await self._api.append_batch(pieces, body)
        except (Refused, RouteMissing) as error:
            # The newest of the routes, and no account of its behaviour but the specification: do without.
            self._log.warning("append_batch_refused", reason=str(error), action="sending files one by one")
            self._may_batch = False
            return await self._append_pack(pack, sessions)

    async def _append_one(self, content: Content, session: str) -> StoreError | None:
        size = content.fingerprint.size
        body = Body((part_of(content, 0, size),))
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
                began = time.monotonic()
                error = await self._append_one(content, session)
            if error is None:
                self._pieces.took(content.fingerprint.size, time.monotonic() - began)
                arrived(content, session, content.fingerprint.size)
                return
            self._raise_unless_session_trouble(error)
        raise TryAgain("Dropbox does not keep the sessions it gave out")

    # -- large ones

    async def _large(self, content: Content, arrived: Arrived) -> None:
        session, sent = await self._large_uploads.send(content)
        arrived(content, session, sent)

    async def forget(self, content: Content, session: str) -> None:
        """A content's session is used up, or the server does not know it."""
        if self._is_large(content):
            await self._large_uploads.forget(content, session)

    def _is_large(self, content: Content) -> bool:
        return content.fingerprint.size > self._chunk_size

    def _raise_unless_session_trouble(self, error: StoreError | Rejected | None) -> None:
        if isinstance(error, SessionGone | SessionClosed):
            self._ids.drop()
        elif error is not None and not isinstance(error, HashMismatch):
            raise error
