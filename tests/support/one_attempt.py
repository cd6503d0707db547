"""A daemon's start and one attempt at one run, with nothing around it: `one_attempt.py SPOOL STATE RUN`.

As a program it is what the crash tests kill; as a function it is the start after the crash.
"""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from huracan_spool import logs
from huracan_spool.due_queue import DueQueue
from huracan_spool.ledger import open_ledger
from huracan_spool.outcome import Outcome
from huracan_spool.pipeline import Pipeline, PipelineOptions
from huracan_spool.spool.directory import open_spool
from huracan_spool.spool.pending import Pending
from huracan_spool.spool.recovery import recover
from huracan_spool.stores.base import PlannedRun, Store, Stored
from huracan_spool.stores.local import LocalStore
from huracan_spool.stores.settling import Patience

OPTIONS = {"settle": 0.0, "readers": 1, "inspector": None, "keep_models": 3, "allowed_uids": None, "give_up": None, "host": "here", "uploader": "test"}


@dataclass
class CountingStore:
    """The local archive, and which runs it was asked to take."""

    store: Store
    name: str = "local"
    puts: list[str] = field(default_factory=list)

    async def put(self, run: PlannedRun) -> Stored:
        self.puts.append(run.run)
        return await self.store.put(run)

    async def probe(self) -> None:
        await self.store.probe()


async def attempt_once(spool_path: Path, state: Path, run: str) -> tuple[Outcome, CountingStore]:
    with ExitStack() as stack:
        spool = open_spool(spool_path)
        stack.callback(spool.close)
        state.mkdir(exist_ok=True)
        ledger = open_ledger(state / "ledger.sqlite")
        stack.callback(ledger.close)
        recover(spool)
        pending = Pending(DueQueue(), time.monotonic, lambda: None)
        store = CountingStore(LocalStore(state / "Huracan", Patience(0.0)))
        pipeline = Pipeline(
            store,
            ledger,
            pending,
            PipelineOptions(models=state / "models", run_delay=lambda _: 0.0, **OPTIONS),
            monotonic=time.monotonic,
            now=lambda: datetime.now(UTC),
        )
        await pending.rescan(spool)
        return await pipeline.attempt(spool, run, lambda _: True), store


async def _main() -> None:
    # strace counts the calls of each thread for itself: with one thread they are counted through.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    await attempt_once(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])


if __name__ == "__main__":
    logs.configure("text", "critical")
    asyncio.run(_main())
