"""In the place of the watcher, for tests that must be repeatable: it rings when it is told to, and only then.

Threads that watch a folder tell of a name whenever the machine gets round to it, which no seed repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from huracan_spool import service

_hung: dict[Path, Doorbell] = {}


class Doorbell:
    """What `service` asks of a watcher."""

    def __init__(self, path: Path, hint: Callable[[str], None], overflow: Callable[[], None]) -> None:
        self._path = path
        self._hint = hint
        self._overflow = overflow

    def __enter__(self) -> Self:
        _hung[self._path] = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if _hung.get(self._path) is self:
            del _hung[self._path]

    def alive(self) -> bool:
        return True

    def ring(self, name: str) -> None:
        self._hint(name)


def ring(spool: Path, name: str) -> None:
    """Tell the daemon there, if one is up, of a name."""
    if spool in _hung:
        _hung[spool].ring(name)


@contextmanager
def doorbells() -> Iterator[None]:
    """Daemons that start in this block have doorbells."""
    before = service.Watcher  # type: ignore[attr-defined]
    service.Watcher = Doorbell  # type: ignore[assignment,attr-defined]
    try:
        yield
    finally:
        service.Watcher = before  # type: ignore[attr-defined]
