"""Upload sessions: bytes on their way to becoming files.

Each kind of session answers three questions: may these bytes come in (`admit`), take them (`store`), is the
whole there (`ready`). The questions raise `SessionFailure` or `FinishFailure`, and asking changes nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from huracan_spool.emulator.blobs import Content, Piece
from huracan_spool.emulator.content_hash import BLOCK_BYTES, BlockHasher
from huracan_spool.emulator.failures import FinishFailure, SessionFailure
from huracan_spool.emulator.nodes import File
from huracan_spool.emulator.options import EmulatorOptions

MAX_FILE_BYTES = 2**41 - 2**22
SESSION_SECONDS = 7 * 24 * 3600


@dataclass
class SequentialSession:
    """Pieces in order; each offset equals the bytes stored before."""

    id: str
    started: float
    options: EmulatorOptions
    size: int = 0
    closed: bool = False
    _pieces: list[Piece] = field(default_factory=list)
    _hasher: BlockHasher = field(default_factory=BlockHasher)

    def admit(self, offset: int, length: int, *, close: bool) -> None:  # noqa: ARG002 - only the other kind cares
        at_end = offset == self.size
        if self.closed and (at_end or self.options.retried_close == "closed"):
            raise SessionFailure("closed")
        if not at_end:
            raise SessionFailure("incorrect_offset", self.size)
        if offset + length > MAX_FILE_BYTES:
            raise SessionFailure("too_large")

    def store(self, offset: int, piece: Piece, *, close: bool) -> None:  # noqa: ARG002 - admitted at the end
        self._absorb(piece)
        self._pieces.append(piece)
        self.size += piece.size
        self.closed = self.closed or close

    def ready(self, offset: int, length: int, *, in_batch: bool) -> None:
        if in_batch and not self.closed:
            raise SessionFailure("not_closed")
        if self.closed and length:
            raise SessionFailure("closed")
        if offset != self.size:
            raise SessionFailure("incorrect_offset", self.size)
        if offset + length > MAX_FILE_BYTES:
            raise SessionFailure("too_large")

    def content(self) -> Content:
        return Content(tuple(self._pieces), self.size, self._hasher.hexdigest())

    def _absorb(self, piece: Piece) -> None:
        if self._hasher.at_boundary:
            self._hasher.append(piece.hasher)
            return
        for chunk in Content((piece,), piece.size, "").chunks():
            self._hasher.update(chunk)


@dataclass
class ConcurrentSession:
    """Pieces in any order, on multiples of 4 MiB; only the closing one may have an odd length."""

    id: str
    started: float
    options: EmulatorOptions
    size: int = 0
    closed: bool = False
    _pieces: dict[int, Piece] = field(default_factory=dict)

    def admit(self, offset: int, length: int, *, close: bool) -> None:
        if self.closed and self.options.append_after_close == "closed":
            raise SessionFailure("closed")
        if offset % BLOCK_BYTES:
            raise SessionFailure("concurrent_session_invalid_offset")
        if length % BLOCK_BYTES and not close:
            raise SessionFailure("concurrent_session_invalid_data_size")
        if offset + length > MAX_FILE_BYTES:
            raise SessionFailure("too_large")

    def store(self, offset: int, piece: Piece, *, close: bool) -> None:
        """Raises `SessionFailure` when the range was taken by other bytes: only here both are known."""
        known = self._pieces.get(offset)
        if known is not None and known.size == piece.size:
            self._take_again(offset, known, piece)
        elif any(_overlap(offset, piece.size, start, other.size) for start, other in self._pieces.items()):
            raise SessionFailure("concurrent_session_invalid_offset")
        elif piece.size:
            self._pieces[offset] = piece
        self.size = max(self.size, offset + piece.size)
        self.closed = self.closed or close

    def ready(self, offset: int, length: int, *, in_batch: bool) -> None:
        if length:
            raise FinishFailure("concurrent_session_data_not_allowed")
        if not self.closed:
            self._refuse_unclosed(in_batch=in_batch)
        if sum(piece.size for piece in self._pieces.values()) != self.size:
            raise FinishFailure("concurrent_session_missing_data")
        if offset != self.size:
            raise SessionFailure("incorrect_offset", self.size)

    def content(self) -> Content:
        return Content.of(piece for _, piece in sorted(self._pieces.items()))

    def _take_again(self, offset: int, known: Piece, piece: Piece) -> None:
        if self.options.resent_piece == "incorrect_offset":
            raise SessionFailure("incorrect_offset", offset + piece.size)
        if known.content_hash != piece.content_hash:
            raise SessionFailure("concurrent_session_invalid_offset")

    def _refuse_unclosed(self, *, in_batch: bool) -> None:
        if in_batch and self.options.unclosed_concurrent == "not_closed":
            raise SessionFailure("not_closed")
        raise FinishFailure("concurrent_session_not_closed")


Session = SequentialSession | ConcurrentSession


class Sessions:
    """All sessions of the account, and what became of the finished ones."""

    def __init__(self, options: EmulatorOptions) -> None:
        self._options = options
        self._open: dict[str, Session] = {}
        self._finished: dict[str, File] = {}

    def start(self, now: float, *, concurrent: bool) -> Session:
        kind = ConcurrentSession if concurrent else SequentialSession
        session = kind(f"pid_upload_session:{secrets.token_urlsafe(24)}", now, self._options)
        self._open[session.id] = session
        return session

    def find(self, session_id: str, now: float) -> Session:
        """Raises `SessionFailure`: seven days after its start a session is gone, whatever it did since."""
        if session_id in self._finished and self._options.finished_session != "gone":
            raise SessionFailure("closed")
        session = self._open.get(session_id)
        if session is None or now - session.started > SESSION_SECONDS:
            raise SessionFailure("not_found")
        return session

    def replayed(self, session_id: str) -> File | None:
        """The file of a finished session, where finishing twice is a success."""
        if self._options.finished_session != "replayed":
            return None
        return self._finished.get(session_id)

    def finish(self, session: Session, file: File) -> None:
        del self._open[session.id]
        self._finished[session.id] = file


def _overlap(offset: int, size: int, other_offset: int, other_size: int) -> bool:
    return offset < other_offset + other_size and other_offset < offset + size
