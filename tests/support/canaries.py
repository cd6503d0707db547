"""Files that nobody may touch, and the kernel as the witness: inotify(7) tells of every open, read and write."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_WHAT = {
    0x001: "read",
    0x002: "written to",
    0x004: "changed in owner, mode or links",
    0x020: "opened",
    0x040: "moved away",
    0x080: "moved in",
    0x100: "created",
    0x200: "deleted",
    0x400: "deleted",
    0x800: "moved",
}
_EVENTS = sum(_WHAT)
_HEAD = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Canaries:
    """Everything below `folder` at the time it was watched."""

    folder: Path
    _fd: int = field(default_factory=lambda: _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    _watched: dict[int, Path] = field(default_factory=dict)

    def watch(self) -> None:
        for path in (self.folder, *self.folder.rglob("*")):
            watch = _libc.inotify_add_watch(self._fd, os.fsencode(path), _EVENTS)
            assert watch >= 0, os.strerror(ctypes.get_errno())
            self._watched[watch] = path

    def touched(self) -> list[str]:
        """What was done to them since the last time, in words."""
        found = []
        for watch, mask, name in self._events():
            path = self._watched[watch]
            place = (path / name).relative_to(self.folder) if name else path.relative_to(self.folder)
            found += [f"{place} was {what}" for bit, what in _WHAT.items() if mask & bit]
        return found

    def close(self) -> None:
        os.close(self._fd)

    def _events(self) -> Iterator[tuple[int, int, str]]:
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size + length
            yield watch, mask, os.fsdecode(data[at - length : at].rstrip(b"\0"))


@contextmanager
def untouched(folder: Path, *allowed: str) -> Iterator[None]:
    """Fails when anything below `folder` is touched while the block runs, but for what is `allowed`."""
    canaries = Canaries(folder)
    try:
        canaries.watch()
        yield
        touched = [each for each in canaries.touched() if each not in allowed]
        assert not touched, touched
    finally:
        canaries.close()
