"""The spool directory as the daemon holds it: checked, locked, and used only through descriptors."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import stat
from collections.abc import Iterable
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
    group: int
    warnings: tuple[str, ...] = ()

    def close(self) -> None:
        for fd in (self.lock, self.receipts, self.failed, self.root):
            os.close(fd)

    def still_there(self) -> bool:
        """False once its path, or the name of one of our folders in it, leads elsewhere."""
        return (
            _leads_to(self.root, str(self.path))
            and _leads_to(self.failed, protocol.FAILED, self.root)
            and _leads_to(self.receipts, protocol.RECEIPTS, self.root)
        )

    def problem(self) -> str | None:
        """What makes the open directory unsafe by now, as a sentence; None when nothing does."""
        status = os.fstat(self.root)
        if status.st_nlink == 0 and _is_at(self.root, str(self.path)):
            return f"{self.path} was removed, and what took its place can't be seen from inside a mount namespace"
        if status.st_gid != self.group:
            return f"{self.path} was given to the group {status.st_gid}"
        return _unsafe(self.path, status)

    def free_bytes(self) -> int:
        space = os.fstatvfs(self.root)
        return space.f_bavail * space.f_frsize


def open_spool(path: Path, held: Iterable[Spool] = ()) -> Spool:
    """Open, make if it is missing, check and lock the spool at `path`.

    `held` are spools that this process has open: one of them may be the very one, come back to its place. Raises
    `UnsafeSpool` when it is a link, no directory, somebody else's or writable by the world, `SpoolBusy` when
    another daemon has it, and `OSError` when the host refuses.
    """
    warnings = _make_if_missing(path)
    opened: list[int] = []
    try:
        opened.append(root := _open_checked(path))
        warnings += _mode_warnings(path, root)
        opened.append(failed := _own_folder(path, root, protocol.FAILED))
        opened.append(receipts := _own_folder(path, root, protocol.RECEIPTS))
        opened.append(lock := _lock(path, receipts, [each.lock for each in held]))
    except BaseException:
        for fd in opened:
            os.close(fd)
        raise
    return Spool(path, root, failed, receipts, lock, os.fstat(root).st_gid, tuple(warnings))


def _leads_to(fd: int, name: str, folder: int | None = None) -> bool:
    """Whether the open directory still has its name. The link count tells a removal even behind a bind mount."""
    return os.fstat(fd).st_nlink > 0 and _is_at(fd, name, folder)


def _is_at(fd: int, name: str, folder: int | None = None) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(name, dir_fd=folder, follow_symlinks=False))
    except OSError:
        return False


def _lock(path: Path, receipts: int, held: Iterable[int]) -> int:
    """Raises `SpoolBusy`, but not for a lock that is our own: flock(2) refuses a second descriptor even to us."""
    with suppress(FileNotFoundError):
        now = os.stat(protocol.LOCK, dir_fd=receipts, follow_symlinks=False)
        for fd in held:
            if os.path.samestat(os.fstat(fd), now):
                return os.dup(fd)
    return take_lock(receipts, protocol.LOCK, f"the spool {path}")


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
    problem = _unsafe(path, os.fstat(fd))
    if problem:
        os.close(fd)
        raise UnsafeSpool(problem)
    return fd


def _unsafe(path: Path, status: os.stat_result) -> str | None:
    if status.st_uid != os.geteuid():
        return f"{path} belongs to user {status.st_uid}, not to the daemon's user {os.geteuid()}"
    if status.st_mode & stat.S_IWOTH:
        mode = stat.S_IMODE(status.st_mode)
        return f"{path} is writable by everybody (mode {mode:04o}); chmod {protocol.MODE:o} it"
    return None


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
