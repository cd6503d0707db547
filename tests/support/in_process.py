"""The daemon's service inside the test's own process, for what no signal from outside can bring about."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from huracan_spool import logs, wiring
from huracan_spool.activity import Activity
from huracan_spool.service import Service
from huracan_spool.settings import load
from support.loglines import LogLine, parse_line
from support.site import Site
from support.waiting import eventually, within


@dataclass(frozen=True)
class Serving:
    service: Service
    task: asyncio.Task[None]
    log: io.StringIO

    def lines(self, event: str | None = None) -> list[LogLine]:
        found = [parse_line(text) for text in self.log.getvalue().splitlines()]
        return [line for line in found if event in (None, line.event)]

    async def logged(self, event: str, times: int = 1) -> LogLine:
        await eventually(lambda: len(self.lines(event)) >= times, f"{times} x {event}")
        return self.lines(event)[-1]


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[Serving]:
    """A service that is ready, and is stopped in order with its block."""
    log = io.StringIO()
    logs.configure("text", "info", stream=log)
    async with wiring.built(load(site.config, site.environ), Activity()) as service, asyncio.TaskGroup() as tasks:
        task = tasks.create_task(service.run())
        running = Serving(service, task, log)
        await running.logged("daemon_ready")
        yield running
        service.stop()
        await within(task, "the service's end")
    logs.configure("text", "info")
