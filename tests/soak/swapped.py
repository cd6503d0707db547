"""A spool that is away for a while, with another folder in its place, and producers that wait meanwhile.

As when its disk is unmounted and mounted again. What they handed over into the other folder would stay there, so
no producer may be in the middle of a hand-over, and a lock on a file keeps them apart.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

_LOOK = 0.05
_AT_FDCWD = -100
_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def handing_over(spool: Path) -> Iterator[None]:
    """Waits while the spool is away."""
    with _gate(spool).open("a") as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
        yield


@asynccontextmanager
async def in_turn(spool: Path) -> AsyncIterator[None]:
    """As `handing_over`, in a process that has other things to do as well."""
    async with _locked(spool, fcntl.LOCK_SH):
        yield


@asynccontextmanager
async def away(spool: Path, other: Path) -> AsyncIterator[None]:
    """`other` is in its place until the block ends; one or the other is there at any time."""
    async with _locked(spool, fcntl.LOCK_EX):
        _exchange(spool, other)
        try:
            yield
        finally:
            _exchange(spool, other)


@asynccontextmanager
async def _locked(spool: Path, how: int) -> AsyncIterator[None]:
    with _gate(spool).open("a") as gate:
        while not _takes(gate.fileno(), how):  # noqa: ASYNC110 - other processes hold it
            await asyncio.sleep(_LOOK)
        yield


def _takes(gate: int, how: int) -> bool:
    try:
        fcntl.flock(gate, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _gate(spool: Path) -> Path:
    return spool.with_name("handing-over")


def _exchange(one: Path, other: Path) -> None:
    if _libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))
