"""Plain code that waits for what an event loop does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import wait
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK = 0.2  # seconds


class Loop:
    """An event loop in a thread of its own: its user may be plain code, one of many threads, or a coroutine."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="huracan-spool archive", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns. An interruption of the waiting thread cancels it first."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            # A look now and then: polars takes SIGINT for itself, and its handler lets a wait without end go on.
            while not wait([future], _LOOK).done:
                pass
            return future.result()
        except BaseException:
            if future.cancel():
                self._settle()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _settle(self) -> None:
        """Until what was cancelled has ended: it may have something to keep."""

        async def rest() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            cancelled = [task for task in others if task.cancelling()]
            await asyncio.wait(cancelled) if cancelled else None

        with suppress(KeyboardInterrupt):
            asyncio.run_coroutine_threadsafe(rest(), self._loop).result()
