"""The hidden folder in the spool in which a run is put together.

In the spool, because only there a rename into place is sure to work: a bind mount of the very same directory is
another mount, and neither rename(2) nor link(2) cross mounts. A folder of its own, because the daemon watches the
spool without its folders: however much is written here wakes nobody.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from huracan_spool.spool.files import open_folder

ABANDONED_AFTER = 36 * 3600.0  # seconds
_PREFIX = ".staging-"
_KEPT = ".kept-"


class Staging(NamedTuple):
    """`root` and `folder` are descriptors of the spool and of the hidden folder, which is locked while we live."""

    spool: Path
    name: str
    root: int
    folder: int

    @classmethod
    def open(cls, spool: Path) -> Self:
        """Raises `OSError`. What dead processes of this user left behind is removed on the way."""
        root = open_folder(str(spool))
        try:
            _sweep(root, time.time())
            name = _PREFIX + os.urandom(6).hex()
            os.mkdir(name, 0o700, dir_fd=root)
            folder = _open_own(root, name)
        except BaseException:
            os.close(root)
            raise
        return cls(spool, name, root, folder)

    @property
    def path(self) -> Path:
        return self.spool / self.name

    @property
    def group(self) -> int:
        """The group that may read what lies in the spool."""
        return os.fstat(self.root).st_gid

    def free_bytes(self) -> int | None:
        """What this user may still write; None where the file system does not say."""
        space = os.fstatvfs(self.root)
        return space.f_bavail * space.f_frsize if space.f_blocks else None

    def remove(self) -> None:
        _remove(self.root, self.name, self.folder)
        self._close()

    def keep(self, run: str) -> Path | None:
        """Give the folder a name under which nobody removes it, unless it is empty; returns where it is then."""
        kept = f"{_KEPT}{run}-{self.name.removeprefix(_PREFIX)}"
        try:
            os.rmdir(self.name, dir_fd=self.root)
        except OSError:
            with suppress(OSError):  # a spool that became read-only
                os.rename(self.name, kept, src_dir_fd=self.root, dst_dir_fd=self.root)
            return next((path for path in (self.spool / kept, self.path) if path.exists()), None)
        else:
            return None
        finally:
            self._close()

    def _close(self) -> None:
        os.close(self.folder)
        os.close(self.root)


def _open_own(root: int, name: str) -> int:
    """Open and lock our folder, whatever the umask made of its mode."""
    mode = os.stat(name, dir_fd=root, follow_symlinks=False).st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(name, stat.S_IRWXU | (mode & stat.S_ISGID), dir_fd=root)
    folder = open_folder(name, root)
    with suppress(OSError):  # NFS locks no folders: then nobody finds out that we are dead
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder


def _sweep(root: int, now: float) -> None:
    with suppress(OSError):
        for name in [name for name in os.listdir(root) if name.startswith(_PREFIX)]:
            _remove_if_abandoned(root, name, now)


def _remove_if_abandoned(root: int, name: str, now: float) -> None:
    with suppress(OSError):
        status = os.stat(name, dir_fd=root, follow_symlinks=False)
        if status.st_uid != os.geteuid() or now - status.st_mtime < ABANDONED_AFTER:
            return
        folder = open_folder(name, root)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(root, name, folder)
        finally:
            os.close(folder)


def _remove(root: int, name: str, folder: int) -> None:
    with suppress(OSError):
        for entry in os.listdir(folder):
            os.unlink(entry, dir_fd=folder)
        os.rmdir(name, dir_fd=root)
