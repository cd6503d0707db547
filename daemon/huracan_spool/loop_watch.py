"""Notices an event loop that is blocked, which nothing that runs in the loop could tell.

The loop leaves a mark several times a second, and a thread looks at it. An old mark means that something keeps the
loop, and what that is stands in the stack of the loop's thread. systemd's watchdog is fed from the loop as well:
it ends what this only tells of.

A process that is stopped (SIGSTOP, a suspended machine) must not be taken for a blocked loop. Then the thread
stands still too, and so it does during a call that holds the interpreter's lock. So only time in which the
thread itself was awake counts, and a gap in that is told by another name.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePath
from types import FrameType, TracebackType
from typing import Self

import structlog

BLOCKED_AFTER = 2.0  # seconds
_LOOKS = 4  # in that time
_FRAMES = 12  # the innermost: further out it is asyncio all the time
_JOIN = 5.0


class LoopWatch:
    """Watches the loop it is entered in, until it is left. Times in seconds of the monotonic clock."""

    def __init__(self, blocked_after: float = BLOCKED_AFTER) -> None:
        self._block = Block(blocked_after)
        self._tick = blocked_after / _LOOKS
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._marked = time.monotonic()
        self._timer = self._loop.call_later(self._tick, self._mark)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
        self._log = structlog.get_logger()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._over.set()
        self._thread.join(_JOIN)

    def _mark(self) -> None:
        self._marked = time.monotonic()
        self._timer = self._loop.call_later(self._tick, self._mark)

    def _watch(self) -> None:
        looked, used = time.monotonic(), time.process_time()
        while not self._over.wait(self._tick):
            now = time.monotonic()
            gap = now - looked - self._tick
            if gap > self._tick:
                self._block.stood_still(now)
            if gap > self._block.after:
                cpu = round(time.process_time() - used, 1)
                self._log.warning(
                    "process_stood_still",
                    seconds=round(gap, 1),
                    cpu_seconds=cpu,
                    action="none if it was stopped or suspended; with as many CPU seconds, one call held it up",
                )
            looked, used = now, time.process_time()
            self._tell(now)

    def _tell(self, now: float) -> None:
        marked = self._marked
        ended = self._block.ended(marked)
        if ended is not None:
            self._log.warning("event_loop_runs_again", blocked_seconds=round(ended, 1))
        blocked = self._block.looked_at(now, marked)
        if blocked is not None:
            self._log.error("event_loop_blocked", seconds=round(blocked, 1), stack=self._stack())

    def _stack(self) -> list[str]:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - documented, the name notwithstanding
        return [_place(each) for each in islice(_outwards(frame), _FRAMES)]


class Block:
    """When a loop that leaves no marks is worth a line: after `after` seconds, then ever more seldom."""

    def __init__(self, after: float) -> None:
        self.after = after
        self._told_of: float | None = None  # the mark that was too old
        self._due = after
        self._counted_from = 0.0

    def stood_still(self, now: float) -> None:
        """Nothing ran until `now`, so that the loop could not either."""
        self._counted_from = now

    def looked_at(self, now: float, marked: float) -> float | None:
        """How long the loop has been blocked, when it is time to say so."""
        silent = now - max(marked, self._counted_from)
        if silent < self._due:
            return None
        self._told_of = marked
        self._due = silent * 3
        return silent

    def ended(self, marked: float) -> float | None:
        """How long a block lasted that was told of, once the loop has left a new mark."""
        if self._told_of is None or marked == self._told_of:
            return None
        seconds = marked - self._told_of
        self._told_of, self._due = None, self.after
        return seconds


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _place(frame: FrameType) -> str:
    return f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}"
