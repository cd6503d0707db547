"""How long the pieces of a large content are: as long as one connection carries in a few seconds.

A piece that is on its way when the daemon dies is sent again, and the slot that it holds is not there for others.
On a slow line pieces of full length would hold it for minutes; on a fast one short ones would only cost calls.
"""

from __future__ import annotations

from dataclasses import dataclass

from huracan_spool.content_hash import BLOCK

A_PIECE = 10.0  # seconds on the way
_TELLING = BLOCK // 2  # bytes; of less, most of the time is the server's
_NEWEST = 0.3  # the part of the last measurement in what is believed


@dataclass
class PieceLength:
    """`longest` in bytes, a multiple of 4 MiB. Before anything was measured, that is the answer."""

    longest: int
    _speed: float | None = None  # bytes per second of one connection

    def took(self, count: int, seconds: float) -> None:
        """A call with `count` bytes went well in so many seconds."""
        if count < _TELLING or seconds <= 0:
            return
        speed = count / seconds
        self._speed = speed if self._speed is None else self._speed + _NEWEST * (speed - self._speed)

    def now(self) -> int:
        """Bytes; a multiple of 4 MiB, which concurrent sessions demand."""
        if self._speed is None:
            return self.longest
        return min(self.longest, max(1, int(self._speed * A_PIECE) // BLOCK) * BLOCK)
