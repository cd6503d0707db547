"""The pending runs, kept in step with the directory: looks, hints, and the queue they feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from huracan_spool.due_queue import DueQueue
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.intake import Intake, Look, Version, declared_files, look_at, version_of
from huracan_spool.spool.protocol import NameKind
from huracan_spool.threads import in_thread

_BATCH = 500  # manifests read between two breaths: the first uploads begin while a backlog is still read


class Pending:
    """Used by the event loop alone; what touches many files runs in a thread."""

    def __init__(self, queue: DueQueue, clock: Callable[[], float], wake: Callable[[], None]) -> None:
        self._intake = Intake()
        self._queue = queue
        self._clock = clock
        self._wake = wake
        self._all_read = asyncio.Event()

    def __len__(self) -> int:
        return len(self._intake.runs)

    async def rescan(self, spool: Spool) -> Look:
        """Look at the whole directory; what is new or was touched becomes due. Raises `OSError`."""
        before = dict(self._intake.runs)
        look = await in_thread(look_at, spool)
        fresh, gone = self._intake.compare(before, look)
        for run in gone:
            self._forget(run)
        if fresh:
            self._all_read.clear()
        for batch in _batches(fresh, _BATCH):
            files = await in_thread(_files_of, spool, batch)
            for run, names in zip(batch, files, strict=True):
                self._learn(run, fresh[run], names)
            self._wake()
        self._all_read.set()
        return look

    def hint(self, spool: Spool, name: str) -> None:
        """An event told of `name`. Raises `OSError`."""
        run = protocol.run_of(name) if protocol.kind_of(name) is NameKind.MANIFEST else None
        if run is not None:
            self._refresh(spool, run)

    def ended(self, spool: Spool, run: str) -> None:
        """A run is settled or gone; if its manifest is there, it is a new submission. Raises `OSError`."""
        self._intake.forget(run)
        self._refresh(spool, run)

    def unchanged_since(self, run: str) -> float | None:
        return self._intake.unchanged_since(run)

    def files_of(self, run: str) -> tuple[str, ...]:
        return self._intake.files_of(run)

    async def named_by_others(self, run: str, names: tuple[str, ...]) -> frozenset[str]:
        await self._all_read.wait()
        return self._intake.named_by_others(run, names)

    def orphans(self) -> frozenset[str]:
        return self._intake.orphans()

    def _refresh(self, spool: Spool, run: str) -> None:
        version = version_of(spool, protocol.manifest_name(run))
        if version is not None and self._intake.runs.get(run) != version:
            self._learn(run, version, declared_files(spool, run))
            self._wake()

    def _learn(self, run: str, version: Version, files: Sequence[str]) -> None:
        now = self._clock()
        self._intake.learn(run, version, files, now)
        self._queue.add(run, now)

    def _forget(self, run: str) -> None:
        self._intake.forget(run)
        self._queue.discard(run)


def _files_of(spool: Spool, runs: Sequence[str]) -> list[tuple[str, ...]]:
    return [declared_files(spool, run) for run in runs]


def _batches(fresh: dict[str, Version], size: int) -> Iterator[list[str]]:
    runs = iter(fresh)
    while batch := list(islice(runs, size)):
        yield batch
