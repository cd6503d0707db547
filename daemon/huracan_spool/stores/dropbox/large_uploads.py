"""Large contents: concurrent sessions whose pieces travel on several connections at once.

The closing piece goes last, for an append after it may be refused. A session and its pieces are noted in the
ledger, so that a restart sends only what is missing. Each piece asks for its connection anew, so a large content
takes no more than its share of the line from those behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from huracan_spool.content_hash import BLOCK
from huracan_spool.errors import TryAgain
from huracan_spool.ledger import LargeSession
from huracan_spool.stores.base import Content
from huracan_spool.stores.dropbox.api import Cursor, DropboxApi, HashMismatch, SessionClosed, SessionGone
from huracan_spool.stores.dropbox.body import Body
from huracan_spool.stores.dropbox.contents import forget_pages, part_of
from huracan_spool.stores.dropbox.piece_length import PieceLength
from huracan_spool.stores.dropbox.session_ids import SessionIds
from huracan_spool.threads import all_done, in_thread

TRIES = 4
_TO_COME = ""  # in the place of a session's id


class SessionLedger(Protocol):
    """Where the sessions of large files survive a restart. Losing it costs bytes, nothing else."""

    def load_session(self, content_hash: str) -> LargeSession | None: ...

    def save_session(self, content_hash: str, session_id: str, piece: int) -> None: ...

    def piece_done(self, content_hash: str, offset: int) -> None: ...

    def forget_session(self, content_hash: str) -> None: ...


@dataclass(frozen=True)
class Line:
    """What large contents share with all others: a slot for each body under way, so many pieces side by side."""

    slots: asyncio.Semaphore
    side_by_side: int


class LargeUploads:
    """`pieces` says how long they are, for contents that are begun now."""

    def __init__(self, api: DropboxApi, line: Line, *, pieces: PieceLength, ledger: SessionLedger | None) -> None:
        self._api = api
        self._line = line
        self._pieces = pieces
        self._ids = SessionIds(api, concurrent=True)
        self._ledger = ledger
        self._noted: dict[str, str] = {}  # content hash to the session in the ledger, while somebody uses it

    async def send(self, content: Content) -> tuple[str, int]:
        """The closed session, and the bytes that had to be sent for it.

        Of the same content, for another run or place, there may be several at a time: one of them is in the ledger,
        the others are for this process alone. A session that two of them shared could be committed once.
        """
        for _ in range(TRIES):
            saved = await self._session_for(content)
            try:
                sent = await _LargeUpload(self, content, saved).send()
            except (SessionGone, SessionClosed):
                self._ids.drop()
                await self.forget(content, saved.session_id)
                continue
            except BaseException:  # the next try may go on with it
                self._leave(content, saved.session_id)
                raise
            return saved.session_id, sent
        raise TryAgain("Dropbox does not keep the session of a large file")

    async def forget(self, content: Content, session: str) -> None:
        """A content's session is used up, or the server does not know it."""
        if self._ledger is not None and self._leave(content, session):
            await in_thread(self._ledger.forget_session, content.content_hash)

    def _leave(self, content: Content, session: str) -> bool:
        """Whether it is the one in the ledger, which somebody else may use now."""
        noted = self._noted.get(content.content_hash) == session
        if noted:
            del self._noted[content.content_hash]
        return noted

    @property
    def side_by_side(self) -> int:
        return self._line.side_by_side

    def arrived_before(self, content: Content, pieces: Sequence[tuple[int, int]]) -> None:
        self._api.arrived_before(Body(tuple(part_of(content, offset, length) for offset, length in pieces)))

    async def send_piece(self, content: Content, session: str, offset: int, length: int, *, close: bool) -> None:
        hash_ = content.fingerprint.part_hash(offset, length)
        body = Body((part_of(content, offset, length),))
        for _ in range(TRIES):
            with suppress(HashMismatch):  # damaged on the way, or changed on disk; nothing was stored
                async with self._line.slots:
                    began = time.monotonic()
                    await self._api.append(Cursor(session, offset), body, close=close, content_hash=hash_)
                    self._pieces.took(length, time.monotonic() - began)
                await in_thread(self._piece_arrived, content, session, offset, length)
                return
        raise TryAgain("a piece of a file keeps arriving damaged, or the file is being written to")

    def _piece_arrived(self, content: Content, session: str, offset: int, length: int) -> None:
        if self._ledger is not None and self._noted.get(content.content_hash) == session:
            self._ledger.piece_done(content.content_hash, offset)
        forget_pages(content, offset, length)

    async def _session_for(self, content: Content) -> LargeSession:
        if self._ledger is None or content.content_hash in self._noted:
            return await self._new_session()
        self._noted[content.content_hash] = _TO_COME
        try:
            session = await self._noted_session(self._ledger, content.content_hash)
        except BaseException:
            del self._noted[content.content_hash]
            raise
        self._noted[content.content_hash] = session.session_id
        return session

    async def _noted_session(self, ledger: SessionLedger, content_hash: str) -> LargeSession:
        saved = await in_thread(ledger.load_session, content_hash)
        if saved is None:
            saved = await self._new_session()
            await in_thread(ledger.save_session, content_hash, saved.session_id, saved.piece)
        return saved

    async def _new_session(self) -> LargeSession:
        return LargeSession(await self._ids.take(), self._pieces.now(), frozenset())


@dataclass
class _LargeUpload:
    """One content on its way in pieces."""

    uploads: LargeUploads
    content: Content
    saved: LargeSession
    sent: int = 0

    async def send(self) -> int:
        """The bytes that had to be sent. Raises `SessionGone` when the session can't be used (any more)."""
        size = self.content.fingerprint.size
        # The closing piece travels alone, so it is kept short: the rest of the last 4 MiB.
        last = (size - 1) // BLOCK * BLOCK
        pieces = [(at, min(self.saved.piece, last - at)) for at in range(0, last, self.saved.piece)]
        self.uploads.arrived_before(self.content, [piece for piece in pieces if piece[0] in self.saved.done])
        missing = iter([piece for piece in pieces if piece[0] not in self.saved.done])
        await all_done(self._send_some(missing) for _ in range(self.uploads.side_by_side))
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
        await self.uploads.send_piece(self.content, self.saved.session_id, offset, length, close=close)
        self.sent += length
