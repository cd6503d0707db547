"""A disk that can lose its power: ext4 in a file. Root and loop devices are needed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_BYTES = 48 * 1024 * 1024


class Disk:
    """Mounted while the block lasts. The power is taken away by whoever is killed on it (`killer.c`)."""

    def __init__(self, home: Path) -> None:
        self._image = home / "disk"
        self.mounted = home / "mounted"

    def __enter__(self) -> Self:
        self.mounted.mkdir()
        with self._image.open("wb") as image:
            image.truncate(_BYTES)
        # Without lazy initialisation nothing but the test writes to it.
        options = "lazy_itable_init=0,lazy_journal_init=0"
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", options, str(self._image)], check=True)
        self._mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "-l", str(self.mounted)], check=True)

    def start_again(self) -> None:
        """What a start after a power cut finds: the journal is replayed."""
        subprocess.run(["umount", str(self.mounted)], check=True)
        self._mount()

    def _mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", str(self._image), str(self.mounted)], check=True)
