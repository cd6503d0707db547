"""The spool in use, which may be replaced by another one while attempts still work in the old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from huracan_spool.spool.directory import Spool, open_spool


class Following:
    """`current` is the spool that new work goes to. `first` is closed by whoever opened it, the others here."""

    def __init__(self, first: Spool) -> None:
        self.current = first
        self._first = first
        self._opened: list[Spool] = []
        self._users: Counter[int] = Counter()  # by the descriptor of the root

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for spool in self._opened:
            spool.close()
        self._opened.clear()

    @contextmanager
    def in_use(self) -> Iterator[Spool]:
        """The spool as it is now, open until the block ends at least. For the event loop."""
        spool = self.current
        self._users[spool.root] += 1
        try:
            yield spool
        finally:
            self._users[spool.root] -= 1

    def follow(self) -> Spool:
        """Go over to what lies at the path now. For a thread, one at a time; raises what `open_spool` raises.

        The new one is in our hands before the thread ends: a caller that is cancelled can't lose it, nor its lock.
        """
        self._close_unused()
        spool = open_spool(self._first.path, (self._first, *self._opened))
        self._opened.append(spool)
        self.current = spool
        return spool

    def _close_unused(self) -> None:
        """Nobody begins to use an old one any more, so what is unused now stays so."""
        for spool in self._opened[:]:
            if spool is not self.current and not self._users[spool.root]:
                self._opened.remove(spool)
                spool.close()
