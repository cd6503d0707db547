"""A disk that can lose its power: a file system in a file. Root and loop devices are needed."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

FileSystem = Literal["ext4", "xfs", "btrfs"]

_MEGABYTE = 1024 * 1024
_SIZE = {"ext4": 48 * _MEGABYTE, "xfs": 320 * _MEGABYTE, "btrfs": 128 * _MEGABYTE}  # about the least they take
_MAKE = {
    # Without lazy initialisation nothing but the test writes to it.
    "ext4": ("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}
_SHUTDOWN = 0x8004587D
_WITHOUT_LOG_FLUSH = struct.pack("I", 2)


class Disk:
    """Mounted while the block lasts. Whoever is killed on it (`killer.c`) takes its power away."""

    def __init__(self, home: Path, file_system: FileSystem = "ext4") -> None:
        self._image = home / "disk"
        self._file_system = file_system
        self._device = ""
        self.mounted = home / "mounted"

    def __enter__(self) -> Self:
        self.mounted.mkdir()
        with self._image.open("wb") as image:
            image.truncate(_SIZE[self._file_system])
        _run(*_MAKE[self._file_system], str(self._image))
        self._mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _run("umount", "-l", str(self.mounted))
        _run("losetup", "-d", self._device)

    def lose_power(self) -> None:
        """Now; and start again."""
        if self._file_system != "btrfs":
            folder = os.open(self.mounted, os.O_RDONLY)
            try:
                fcntl.ioctl(folder, _SHUTDOWN, _WITHOUT_LOG_FLUSH)
            finally:
                os.close(folder)
        self.start_again()

    def start_again(self) -> None:
        """What a start after a power cut finds: the journal is replayed."""
        found = self._image
        if self._file_system == "btrfs":  # before unmounting writes to it what is only in memory
            found = self._image.with_suffix(".cut")
            _run("cp", "--sparse=always", str(self._image), str(found))
        _run("umount", str(self.mounted))
        _run("losetup", "-d", self._device)
        self._image = found
        self._mount()

    def _mount(self) -> None:
        # A device of our own: `mount -o loop` may take up the one that the last unmounting is about to free.
        self._device = _run("losetup", "--find", "--show", str(self._image))
        _run("mount", "-t", self._file_system, self._device, str(self.mounted))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
