"""The pending runs, kept in step with the directory: looks, hints, and the queue they feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Sequence

from huracan_spool.due_queue import DueQueue
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import Identity
from huracan_spool.spool.index import Found, Index, Leftovers
from huracan_spool.spool.manifests import declared_files, version_of
from huracan_spool.spool.opening import Withdrawn
from huracan_spool.spool.protocol import NameKind
from huracan_spool.threads import in_thread

_WINDOW = 1000  # runs in the queue; the rest of a backlog waits in the index


class Pending:
    """Used by the event loop alone; what touches many files runs in a thread."""

    def __init__(self, spool: Spool, queue: DueQueue, clock: Callable[[], float], wake: Callable[[], None]) -> None:
        self._spool = spool
        self._index = Index()
        self._queue = queue
        self._clock = clock
        self._wake = wake
        self._all_read = asyncio.Event()

    def __len__(self) -> int:
        return len(self._index)

    async def rescan(self, spool: Spool) -> Leftovers:
        """Look at the whole directory; what is new or was touched becomes due, some runs before others.

        Raises `OSError`.
        """
        all_read = self._all_read if spool is self._spool else None
        began = self._index.turn
        look = self._index.look_at(spool)
        try:
            while (found := await in_thread(_step, look)) is not None:
                self.learn(found)
        finally:
            await in_thread(look.close)
        for run in self._index.gone(began):
            self._index.forget(run)
            self._queue.discard(run)
        if self._all_read is all_read:  # else something was missed, or left, since this began
            all_read.set()
        return await in_thread(self._index.leftovers)

    def now_in(self, spool: Spool) -> None:
        """Another spool is in use from now on; nothing is known of it before it has been looked at."""
        self._spool = spool
        self.missed_something()

    def missed_something(self) -> None:
        """A manifest may have come of which nothing is known before the next look at the whole spool."""
        before, self._all_read = self._all_read, asyncio.Event()
        before.set()  # who waits looks again at what there is to wait for

    def look_up(self, spool: Spool, names: Iterable[str]) -> list[Found]:
        """What is new of the `names` that events told of. For a thread, then `learn`. Raises `OSError`."""
        manifests = [name for name in names if protocol.kind_of(name) is NameKind.MANIFEST]
        return [found for name in manifests if (found := self._news(spool, str(protocol.run_of(name))))]

    def ended(self, spool: Spool, run: str) -> None:
        """A run is settled or gone; if its manifest is there, it is a new submission. Raises `OSError`."""
        self._index.forget(run)
        if found := self._news(spool, run):
            self.learn([found])
        self._feed()

    def unchanged_since(self, run: str) -> float | None:
        return self._index.seen(run)

    def published(self, run: str) -> float | None:
        """When its manifest came to be, in seconds since 1970."""
        return self._index.published(run)

    def oldest_published(self) -> float | None:
        return self._index.oldest_published()

    def files_of(self, run: str) -> tuple[str, ...]:
        return self._index.files_of(run)

    async def named_by_others(self, spool: Spool, run: str, names: Sequence[str]) -> frozenset[str]:
        """Those of `names` that another pending manifest lists. Waits until all have been read once.

        Raises `Withdrawn` when `spool` is not the one in use any more: what lies there now is not known, and when
        it comes back the run is found again.
        """
        while spool is self._spool and not self._all_read.is_set():
            await self._all_read.wait()
        if spool is not self._spool:
            raise Withdrawn
        return self._index.named_by_others(run, names)

    def let_go(self, run: str, manifest: Identity | None) -> None:
        """The run is settled, with this manifest, and has what it needs: its files may go, if no other names them.

        Said before `named_by_others` is asked: of two runs that are settled at the same time, each would otherwise
        leave a shared file to the other, and both would.
        """
        if manifest is not None:
            self._index.let_go(run, manifest)

    def _news(self, spool: Spool, run: str) -> Found | None:
        version = version_of(spool, protocol.manifest_name(run))
        if version is None or self._index.version_of(run) == version:
            return None
        return run, version, declared_files(spool, run)

    def learn(self, found: Sequence[Found]) -> None:
        """A hint may have taught us of a run since the look noted it: that is no news then."""
        news = [each for each in found if self._index.version_of(each[0]) != each[1]]
        if news:
            self._index.learn(news, self._clock())
            self._feed()

    def _feed(self) -> None:
        """Keep the queue filled from what waits, the longest known first."""
        now = self._clock()
        room = _WINDOW - self._queue.due_now(now)  # who waits for a later time keeps nobody out
        offered = self._index.offer(room) if room > 0 else []
        for run in offered:
            self._queue.add(run, now)
        if offered:
            self._wake()


def _step(look: Generator[list[Found]]) -> list[Found] | None:
    return next(look, None)
