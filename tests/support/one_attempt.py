"""A daemon's start and single attempts at runs, with nothing around it: `one_attempt.py SPOOL STATE RUN`.

As a program it is what the crash tests kill; in the test's own process it is the start after the crash.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from huracan_spool import logs
from huracan_spool.activity import Activity
from huracan_spool.due_queue import DueQueue
from huracan_spool.ledger import open_ledger
from huracan_spool.manifest import Kind
from huracan_spool.outcome import Outcome
from huracan_spool.pipeline import Pipeline, PipelineOptions
from huracan_spool.spool.directory import Spool, open_spool
from huracan_spool.spool.pending import Pending
from huracan_spool.spool.recovery import recover
from huracan_spool.standing import StoreFacts
from huracan_spool.stores.base import Content, PlannedRun, Stored
from huracan_spool.stores.local import LocalStore
from huracan_spool.stores.settling import Patience

OPTIONS = {"settle": 0.0, "readers": 1, "inspector": None, "keep_models": 3, "allowed_uids": None, "give_up": None}


@dataclass
class CountingStore:
    """The local archive, and which runs it was asked to take."""

    store: LocalStore
    name: str = "local"
    puts: list[str] = field(default_factory=list)

    async def put(self, run: PlannedRun) -> Stored:
        self.puts.append(run.run)
        return await self.store.put(run)

    async def bring(self, digest: str, artifacts: Mapping[Kind, Content]) -> None:
        await self.store.bring(digest, artifacts)

    async def probe(self) -> None:
        await self.store.probe()

    async def warm_up(self) -> None:
        await self.store.warm_up()

    def facts(self) -> StoreFacts:
        return self.store.facts()


@dataclass(frozen=True)
class Attempts:
    spool: Spool
    store: CountingStore
    pending: Pending
    pipeline: Pipeline

    async def look(self) -> None:
        await self.pending.rescan(self.spool)

    async def attempt(self, run: str) -> Outcome:
        return await self.pipeline.attempt(self.spool, run, lambda _: True)


@asynccontextmanager
async def attempts(spool_path: Path, state: Path) -> AsyncIterator[Attempts]:
    with ExitStack() as stack:
        for folder in (spool_path.parent, state):
            os.makedirs(folder, exist_ok=True)
        spool = open_spool(spool_path)
        stack.callback(spool.close)
        ledger = open_ledger(state / "ledger.sqlite")
        stack.callback(ledger.close)
        recover(spool)
        pending = Pending(spool, DueQueue(), time.monotonic, lambda: None)
        store = CountingStore(LocalStore(state / "Huracan", Patience(0.0)))
        pipeline = Pipeline(
            store,
            ledger,
            pending,
            PipelineOptions(
                models=state / "models", run_delay=lambda _: 0.0, host="here", uploader="test", **OPTIONS
            ),
            Activity(),
            monotonic=time.monotonic,
            now=lambda: datetime.now(UTC),
        )
        yield Attempts(spool, store, pending, pipeline)


async def attempt_once(spool: Path, state: Path, run: str) -> CountingStore:
    async with attempts(spool, state) as daemon:
        await daemon.look()
        await daemon.attempt(run)
        return daemon.store


async def _main() -> None:
    # strace counts the calls of each thread for itself: with one thread they are counted through.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    await attempt_once(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])


if __name__ == "__main__":
    logs.configure("text", "critical")
    asyncio.run(_main())
