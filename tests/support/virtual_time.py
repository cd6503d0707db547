"""An event loop on which waiting costs nothing: its clock jumps to the next timer when nothing else goes on.

Sockets and threads are real. Both ends of every connection are in this process and on the loopback interface,
where what is sent has arrived when the call returns; so when no socket is ready and no thread is at work,
nothing but time can bring anything about.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")

_STILL = 0.0
_THREAD = 0.05


class _JumpingSelector(selectors.EpollSelector):
    """A wait becomes a jump of the clock, unless a thread is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(_THREAD if self.threads else _STILL)
        if not events and not self.threads:
            self.now += timeout
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        self._jumping.threads += 1
        running = super().run_in_executor(executor, func, *args)
        running.add_done_callback(self._thread_ended)
        return running

    def _thread_ended(self, _: object) -> None:
        self._jumping.threads -= 1


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now() -> float:
    return asyncio.get_running_loop().time()
