"""The spool directory as the daemon holds it: checked, locked, and used only through descriptors."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from huracan_spool.errors import HuracanSpoolError
from huracan_spool.spool import protocol
from huracan_spool.spool.files import open_folder

GROUP = "huracan"


class UnsafeSpool(HuracanSpoolError):
    """The directory can't be trusted; nothing was touched."""


class SpoolBusy(HuracanSpoolError):
    """Another daemon holds the lock."""


@dataclass(frozen=True)
class Spool:
    """Descriptors of an open spool. Every path below it is relative to one of them."""

    path: Path
    root: int
    failed: int
    receipts: int
    lock: int
    warnings: tuple[str, ...] = ()

    def close(self) -> None:
        for fd in (self.lock, self.receipts, self.failed, self.root):
            os.close(fd)

    def still_there(self) -> bool:
        """False once the path leads elsewhere. The link count tells a removal even behind a bind mount."""
        status = os.fstat(self.root)
        try:
            now = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return status.st_nlink > 0 and (now.st_dev, now.st_ino) == (status.st_dev, status.st_ino)

    def free_bytes(self) -> int:
        space = os.fstatvfs(self.root)
        return space.f_bavail * space.f_frsize


def open_spool(path: Path) -> Spool:
    """Open, make if it is missing, check and lock the spool at `path`.

    Raises `UnsafeSpool` when it is a link, no directory, somebody else's or writable by the world, `SpoolBusy`
    when another daemon has it, and `OSError` when the host refuses.
    """
    warnings = _make_if_missing(path)
    opened: list[int] = []
    try:
        opened.append(root := _open_checked(path))
        warnings += _mode_warnings(path, root)
        opened.append(failed := _own_folder(path, root, protocol.FAILED))
        opened.append(receipts := _own_folder(path, root, protocol.RECEIPTS))
        opened.append(lock := take_lock(receipts, protocol.LOCK, f"the spool {path}"))
    except BaseException:
        for fd in opened:
            os.close(fd)
        raise
    return Spool(path, root, failed, receipts, lock, tuple(warnings))


def take_lock(folder: int, name: str, what: str) -> int:
    """Lock a file of ours for the life of the descriptor. Raises `SpoolBusy`.

    A lock file of mode 0600, not the directory itself: whoever can open a file can lock it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode(errors="replace").strip()
        os.close(fd)
        raise SpoolBusy(f"{what} is in use by another daemon (pid {holder or 'unknown'})") from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _make_if_missing(path: Path) -> list[str]:
    if os.path.lexists(path):
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # made by somebody meanwhile: the checks decide about it
        path.mkdir(0o700)
        return _hand_to_group(path)
    return []


def _hand_to_group(path: Path) -> list[str]:
    warnings = []
    try:
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
    except KeyError:
        warnings.append(f"there is no group {GROUP}: only this user and root can submit runs to {path}")
    except PermissionError:
        warnings.append(f"{path} could not be given to the group {GROUP}: is this user a member of it?")
    try:
        path.chmod(protocol.MODE)
    except PermissionError:  # RestrictSUIDSGID
        path.chmod(protocol.MODE & 0o1777)
    return warnings


def _open_checked(path: Path) -> int:
    try:
        fd = open_folder(str(path))
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise UnsafeSpool(
                f"{path} is a link or no directory; it may have been put there by somebody else. Look at it, "
                "remove it, and start again"
            ) from error
        raise
    status = os.fstat(fd)
    problem = None
    if status.st_uid != os.geteuid():
        problem = f"belongs to user {status.st_uid}, not to the daemon's user {os.geteuid()}"
    elif status.st_mode & stat.S_IWOTH:
        problem = f"is writable by everybody (mode {stat.S_IMODE(status.st_mode):04o}); chmod {protocol.MODE:o} it"
    if problem:
        os.close(fd)
        raise UnsafeSpool(f"{path} {problem}")
    return fd


def _mode_warnings(path: Path, root: int) -> list[str]:
    mode = stat.S_IMODE(os.fstat(root).st_mode)
    if mode & stat.S_IWGRP and not mode & stat.S_ISVTX:
        return [f"{path} has mode {mode:04o}: without the sticky bit producers can delete each other's files"]
    return []


def _own_folder(path: Path, root: int, name: str) -> int:
    """Open one of the daemon's own folders in the spool: producers could have made that name first."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o750, dir_fd=root)
    try:
        fd = open_folder(name, root)
    except OSError as error:
        raise UnsafeSpool(f"{path / name} can't be used as the daemon's folder: {error.strerror}") from error
    status = os.fstat(fd)
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        os.close(fd)
        raise UnsafeSpool(f"{path / name} must belong to the daemon's user and be writable by nobody else")
    return fd
