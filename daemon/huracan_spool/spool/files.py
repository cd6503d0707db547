"""File-system steps that must not be got wrong: safe opening, durable writing, renames that refuse."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

from huracan_spool.codes import Code
from huracan_spool.errors import Rejected

_RENAME_NOREPLACE = 1
_libc = ctypes.CDLL(None, use_errno=True)
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Identity:
    """Which file it is, and that its content was not touched: size in bytes, mtime in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Raises `KeyError`, `TypeError` or `ValueError`."""
        return cls(*(int(document[key]) for key in ("device", "inode", "size", "mtime_ns")))

    def same_file(self, other: Identity | None) -> bool:
        """Equal but for the device number, which a reboot may change (btrfs, LVM).

        Enough for files of one directory: they can't be on different devices.
        """
        mine = (self.inode, self.size, self.mtime_ns)
        return other is not None and mine == (other.inode, other.size, other.mtime_ns)

    def to_json(self) -> dict[str, int]:
        return {"device": self.device, "inode": self.inode, "size": self.size, "mtime_ns": self.mtime_ns}


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file of the spool, opened once; what was opened is what is read and sent."""

    name: str
    fd: int
    identity: Identity
    uid: int

    def close(self) -> None:
        os.close(self.fd)

    def unchanged(self) -> bool:
        return Identity.of(os.fstat(self.fd)) == self.identity


def open_regular(folder: int, name: str) -> OpenFile:
    """Open `name` below the directory descriptor `folder`, following nothing and waiting for nothing.

    Raises `Rejected` for what is a fact about the input (absent, no regular file, not readable), and
    `OSError` for trouble of this host (too many open files, a failing disk).
    """
    try:
        # The look before the open keeps us from touching devices: opening one may already do something.
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise Rejected(Code.NOT_REGULAR, f"{name!a} is not a regular file")
        fd = os.open(name, _OPEN_FLAGS, dir_fd=folder)
    except OSError as error:
        raise _input_fact(error, name) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Rejected(Code.NOT_REGULAR, f"{name!a} is not a regular file")
    return OpenFile(name, fd, Identity.of(status), status.st_uid)


def _input_fact(error: OSError, name: str) -> Exception:
    match error.errno:
        case errno.ENOENT:
            reason = f"{name!a} is not in the spool; publish a manifest when all of its files are there"
            return Rejected(Code.MISSING_ARTIFACT, reason)
        case errno.ELOOP | errno.ENXIO:
            return Rejected(Code.NOT_REGULAR, f"{name!a} is not a regular file")
        case errno.EACCES | errno.EPERM:
            return Rejected(
                Code.UNREADABLE,
                f"the daemon may not read {name!a}: chmod g+r before the manifest is published",
            )
        case errno.EAGAIN:  # a lease (fcntl F_SETLEASE): its holder could keep everybody out for ever
            return Rejected(
                Code.UNREADABLE, f"{name!a} is held by another process; publish a run when its files are done"
            )
        case _:
            return error


def open_folder(path: str, folder: int | None = None) -> int:
    """Open a directory without following a link at its end. Raises `OSError`."""
    return os.open(path, _DIRECTORY_FLAGS, dir_fd=folder)


def identity_at(folder: int, name: str) -> Identity | None:
    """What lies under `name` now, links not followed; None for nothing."""
    try:
        return Identity.of(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


def read_limited(file: OpenFile, limit: int) -> bytes:
    """At most `limit` + 1 bytes of the file, so that too much can be told from just enough."""
    parts, at = [], 0
    while at <= limit and (part := os.pread(file.fd, min(1 << 20, limit + 1 - at), at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def rename_noreplace(source_folder: int, source: str, target_folder: int, target: str) -> None:
    """rename(2) that raises `FileExistsError` instead of replacing `target`."""
    status = _libc.renameat2(
        source_folder, os.fsencode(source), target_folder, os.fsencode(target), _RENAME_NOREPLACE
    )
    if status == 0:
        return
    number = ctypes.get_errno()
    if number != errno.EINVAL:
        raise OSError(number, os.strerror(number), source, None, target)
    # File systems without the flag (NFS, some FUSE): a look, then the rename; nobody else writes our names.
    if identity_at(target_folder, target) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder)


def move_noreplace(source_folder: int, name: str, target_folder: int) -> None:
    """`rename_noreplace` to another folder, finishing what a power cut interrupted.

    Between the syncs of the two folders it can leave the file in both, as seen on btrfs. It then has both names
    like a hard link, and loses the old one.
    """
    try:
        rename_noreplace(source_folder, name, target_folder, name)
    except FileExistsError:
        if identity_at(source_folder, name) != identity_at(target_folder, name):
            raise
        os.unlink(name, dir_fd=source_folder)


@contextmanager
def durable_file(folder: int, name: str, mode: int = 0o640) -> Iterator[int]:
    """Write a file that appears under `name` whole and durable, or not at all; yields its descriptor.

    Temporary name, fsync of the file, rename, fsync of the directory: without the first fsync XFS and btrfs
    lose the old content as well as the new one, without the second the name may be gone after a power cut.
    """
    temporary = f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.tmp"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        try:
            os.fchmod(fd, mode)  # whatever the umask
            yield fd
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_durably(folder: int, name: str, data: bytes, mode: int = 0o640) -> None:
    with durable_file(folder, name, mode) as fd:
        write_all(fd, data)


def fsync_folder(path: str) -> None:
    fd = os.open(path, _DIRECTORY_FLAGS)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
