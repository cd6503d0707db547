"""How far something is, for whoever waits for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from huracan_spool import words

_STEP = 0.1  # seconds between two pictures on a terminal
_LINE = 10.0  # between two lines in a file
_WIDTH = 24


class Progress(Protocol):
    """`total` is None while nobody knows it. May be called from any thread, and very often."""

    def update(self, doing: str, done: int, total: int | None, unit: str = "") -> None: ...

    def end(self) -> None:
        """Nothing more comes of what was told of last."""
        ...


class Silent:
    """For those who want none."""

    def update(self, doing: str, done: int, total: int | None, unit: str = "") -> None: ...

    def end(self) -> None: ...


class Told:
    """On a terminal a bar; elsewhere a line now and then, of what takes long."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._bar = self._stream.isatty()
        self._doing = ""
        self._began = self._next = 0.0
        self._shown = False

    def update(self, doing: str, done: int, total: int | None, unit: str = "") -> None:
        now = self._clock()
        if doing != self._doing:
            self.end()
            self._doing, self._began, self._next = doing, now, now + (_STEP if self._bar else _LINE)
        if now < self._next:
            return
        self._next = now + (_STEP if self._bar else _LINE)
        text = picture(doing, done, total, unit, now - self._began)
        self._stream.write(f"\r\x1b[K{text}" if self._bar else f"{text}\n")
        self._stream.flush()
        self._shown = self._bar

    def end(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        self._doing, self._shown = "", False


def picture(doing: str, done: int, total: int | None, unit: str, seconds: float) -> str:
    amount = _amount(done, unit)
    if not total:
        return f"{doing}  {amount}"
    share = min(1.0, done / total)
    filled = round(share * _WIDTH)
    left = seconds * (1 - share) / share if share else 0.0
    bar = "█" * filled + "░" * (_WIDTH - filled)
    return f"{doing}  {bar} {share:4.0%}  {amount} of {_amount(total, unit)}  {words.duration(left)} left"


def _amount(count: int, unit: str) -> str:
    return words.size(count) if unit == "bytes" else f"{words.number(count)} {unit}".rstrip()
