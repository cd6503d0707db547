"""Did the bytes arrive? What the answers to appends mean, above all to repeated ones.

When the reply to an append is lost, the same append is sent again, and the session's state tells:

1. it takes the bytes: they had not arrived, now they have
2. it wants an offset that is the end of these bytes: they had arrived
3. it is closed, and this append was to close it: they had arrived
4. it wants the very offset that was sent: a passing confusion of the server, send again
5. anything else is for the caller: the bytes kept are not the bytes sent
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from huracan_spool.errors import StoreError, TryAgain
from huracan_spool.stores.dropbox import routes, wire
from huracan_spool.stores.dropbox.classify import SessionClosed, WrongOffset
from huracan_spool.stores.dropbox.entries import Piece
from huracan_spool.stores.dropbox.reply import Reply


def appended(piece: Piece, reply: Reply, *, repeated: bool) -> None:
    """The answer to one append. Raises what is left of its error."""
    try:
        wire.decode(routes.APPEND, reply)
    except (WrongOffset, SessionClosed) as error:
        left = _left_of(error, piece, repeated=repeated)
        if left is not None:
            raise left from error


def all_appended(pieces: Sequence[Piece], reply: Reply, *, repeated: bool) -> list[StoreError | None]:
    """The answer to a batch of appends: for each piece, what is left of its error."""
    result = wire.decode(routes.APPEND_BATCH, reply)
    entries = wire.entries(routes.APPEND_BATCH, result, len(pieces))
    return [_outcome(piece, raw, repeated=repeated) for piece, raw in zip(pieces, entries, strict=True)]


def _outcome(piece: Piece, raw: object, *, repeated: bool) -> StoreError | None:
    answer = wire.entry(routes.APPEND_BATCH, raw, _nothing)
    return None if answer is None else _left_of(answer, piece, repeated=repeated)


def _nothing(_: dict[str, Any]) -> None:
    return None


def _left_of(error: StoreError, piece: Piece, *, repeated: bool) -> StoreError | None:
    if isinstance(error, WrongOffset):
        # Not only for repeated calls: the first try may have been made before a crash.
        if error.correct_offset == piece.cursor.offset + piece.length:
            return None
        if error.correct_offset == piece.cursor.offset:
            return TryAgain(str(error))
    if isinstance(error, SessionClosed) and repeated and piece.close:
        return None
    return error
