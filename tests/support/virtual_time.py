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
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

_STILL = 0.0
_THREAD = 0.05
# Work takes its time. The loop calls timers early that are due in less than that: who finds that his time has not
# come, and waits again, would be called again for ever by a clock that stands.
_TICK = 2e-9


class Threads:
    """The work in threads of one host, as many steps; before any of them the host may die."""

    def __init__(self) -> None:
        self.begun = 0
        self.over = False
        self._left: int | None = None
        self._then: Callable[[], object] = lambda: None

    def end_after(self, steps: int | None, then: Callable[[], object]) -> None:
        """Let so many more begin, then none, and call `then`; None takes that back."""
        self._left, self._then = steps, then

    def admit(self) -> bool:
        if self._left is not None and not self.over:
            self._left -= 1
            if self._left < 0:
                self.over = True
                asyncio.get_running_loop().call_soon(self._then)
        self.begun += not self.over
        return not self.over


threads_here: ContextVar[Threads | None] = ContextVar("threads_here", default=None)


class _JumpingSelector(selectors.EpollSelector):
    """A wait becomes a jump of the clock, unless a thread is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            self.now += _TICK
            return super().select(timeout)
        events = super().select(_THREAD if self.threads else _STILL)
        if not events and not self.threads:
            self.now += timeout + _TICK
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    @property
    def threads_at_work(self) -> int:
        return self._jumping.threads

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        host = threads_here.get()
        if host is not None and not host.admit():
            refused: asyncio.Future[T] = self.create_future()
            refused.cancel()
            return refused
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
