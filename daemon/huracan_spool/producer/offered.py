"""Bringing a file that training wrote into the hidden folder, without touching the original before it is safe.

The ways, the first that works. None but the last reads the file:

1. A hard link. The original keeps its name until the manifest is published, so no crash loses it; then the name is
   removed, which makes it a move. Not for a file whose content others could still change: one that has more
   names, is a symlink's target, or stays with its owner (`keep`) and is not write-protected. A write in place
   would change what is uploaded, and nothing could tell.
2. A rename, where the file system has no hard links. It is undone when the hand-over fails.
3. A reflink (FICLONE; btrfs, XFS): the same blocks in a file of its own.
4. A copy, if there is room for all that has to be copied.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from huracan_spool.manifest import Kind
from huracan_spool.producer.naming import suffix_of
from huracan_spool.producer.staging import Staging
from huracan_spool.spool.files import identity_at

_FICLONE = 0x40049409
_READABLE = stat.S_IRUSR | stat.S_IRGRP
_MODE = 0o640
_SMALL = 16 * 1024 * 1024  # bytes: hashed, which takes some 10 ms; a hand-over is not to grow with the model
_MARGIN = 1024 * 1024  # bytes, for the manifest and what the file system needs for itself
_CHUNK = 1024 * 1024
_STEP = 64 * 1024 * 1024  # bytes copied by one call of the kernel; an interrupt waits for it
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not keep us waiting
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Offered(NamedTuple):
    """A finished file. With `keep` it stays where it is; `rows` is how many it holds, if that is known."""

    kind: Kind
    path: Path
    keep: bool = False
    rows: int | None = None


class Staged(NamedTuple):
    """A file in the hidden folder: complete, durable, readable by the spool's group. Only small ones are hashed."""

    name: str
    size: int
    sha256: str | None


class NoRoom(OSError):
    """The spool has not enough space for a copy."""

    def __init__(self, spool: Path, needed: int, free: int) -> None:
        text = f"{needed:,} bytes have to be copied to {spool}, which has {free:,} free"
        super().__init__(errno.ENOSPC, text)


def bring_all(staging: Staging, offers: Sequence[Offered], undo: ExitStack) -> dict[Kind, Staged]:
    """Every file in the hidden folder; `undo` gets what restores the originals if the hand-over fails.

    Raises `OSError`, `NoRoom` among them, and `ValueError` for what is no regular file.
    """
    to_copy = [offer for offer in offers if not _is_shared(staging, offer, undo)]
    _check_room(staging, to_copy)
    for offer in to_copy:
        _copy(staging, offer)
    return {offer.kind: _settle(staging, offer, undo) for offer in offers}


def let_go(staging: Staging, offers: Iterable[Offered]) -> None:
    """Remove what `bring_all` made in the hidden folder, as far as the original is there."""
    for offer in offers:
        if not _is_staged(staging, offer) and os.path.lexists(offer.path):
            with suppress(OSError):
                os.unlink(staged_name(staging, offer), dir_fd=staging.folder)


def remove_originals(staging: Staging, offers: Iterable[Offered], before: dict[Kind, os.stat_result]) -> list[Path]:
    """Remove what was moved, unless something else has that name by now; returns what could not be removed."""
    left = []
    for offer in offers:
        if offer.keep or _is_staged(staging, offer):
            continue
        try:
            now = os.stat(offer.path, follow_symlinks=False)
            if _same(now, before[offer.kind]):
                os.unlink(offer.path)
        except FileNotFoundError:
            continue
        except OSError:
            left.append(offer.path)
    return left


def look_at(offers: Iterable[Offered]) -> dict[Kind, os.stat_result]:
    """The files as they are now, links not followed. Raises `OSError`, and `ValueError` for what is no file."""
    for offer in offers:
        if not stat.S_ISREG(os.stat(offer.path).st_mode):
            raise ValueError(f"{offer.path} is not a regular file")
    return {offer.kind: os.stat(offer.path, follow_symlinks=False) for offer in offers}


def staged_name(staging: Staging, offer: Offered) -> str:
    return offer.path.name if _is_staged(staging, offer) else offer.kind + suffix_of(offer.kind, offer.path)


def _is_staged(staging: Staging, offer: Offered) -> bool:
    return offer.path.parent == staging.path


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    mine = (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns)
    return mine == (other.st_dev, other.st_ino, other.st_size, other.st_mtime_ns)


def _is_shared(staging: Staging, offer: Offered, undo: ExitStack) -> bool:
    """Whether ways 1 to 3 brought it in."""
    if _is_staged(staging, offer):
        return True
    status = os.stat(offer.path, follow_symlinks=False)
    if _may_link(status, staging.group, keep=offer.keep) and _link(staging, offer, undo):
        return True
    return _reflink(staging, offer)


def _may_link(status: os.stat_result, group: int, *, keep: bool) -> bool:
    # The daemon wants a run's files to belong to whoever submits it.
    alone = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    readable = _is_readable(status, group)
    if keep:
        return alone and readable and not status.st_mode & 0o222
    return alone and status.st_nlink == 1 and (readable or _may_give_to(group))


def _is_readable(status: os.stat_result, group: int) -> bool:
    return bool(status.st_mode & (stat.S_IRGRP if status.st_gid == group else stat.S_IROTH))


def _may_give_to(group: int) -> bool:
    return os.geteuid() == 0 or group in {os.getegid(), *os.getgroups()}


def _link(staging: Staging, offer: Offered, undo: ExitStack) -> bool:
    try:
        os.link(offer.path, staged_name(staging, offer), dst_dir_fd=staging.folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS} and not offer.keep:
            return _rename(staging, offer, undo)
        return False  # another mount, most likely; if it is worse, copying will say so
    return True


def _rename(staging: Staging, offer: Offered, undo: ExitStack) -> bool:
    undo.callback(_rename_back, staging, offer)
    try:
        os.rename(offer.path, staged_name(staging, offer), dst_dir_fd=staging.folder)
    except OSError:
        return False
    return True


def _rename_back(staging: Staging, offer: Offered) -> None:
    taken = os.path.lexists(offer.path)  # by what training has written there meanwhile
    target = offer.path.with_name(f"{offer.path.name}.not-handed-over") if taken else offer.path
    with suppress(FileNotFoundError):
        os.rename(staged_name(staging, offer), target, src_dir_fd=staging.folder)


def _reflink(staging: Staging, offer: Offered) -> bool:
    with ExitStack() as files:
        source, target = _open_both(staging, offer, files)
        try:
            fcntl.ioctl(target, _FICLONE, source)
        except OSError:
            os.unlink(staged_name(staging, offer), dir_fd=staging.folder)
            return False
    return True


def _check_room(staging: Staging, offers: Sequence[Offered]) -> None:
    needed = sum(os.stat(offer.path).st_size for offer in offers)
    free = staging.free_bytes()
    if offers and free is not None and needed + _MARGIN > free:
        raise NoRoom(staging.spool, needed, free)


def _copy(staging: Staging, offer: Offered) -> None:
    with ExitStack() as files:
        source, target = _open_both(staging, offer, files)
        before = os.fstat(source)
        at = 0
        while sent := os.sendfile(target, source, at, _STEP):
            at += sent
        if not _same(before, os.fstat(source)):
            raise ValueError(f"{offer.path} was written to while it was copied")


def _open_both(staging: Staging, offer: Offered, files: ExitStack) -> tuple[int, int]:
    source = os.open(offer.path, _READ)
    files.callback(os.close, source)
    target = os.open(staged_name(staging, offer), _CREATE, _MODE, dir_fd=staging.folder)
    files.callback(os.close, target)
    return source, target


def _settle(staging: Staging, offer: Offered, undo: ExitStack) -> Staged:
    """Readable by the group whatever the umask, in the spool's group whatever the folder it came from; durable."""
    name = staged_name(staging, offer)
    status = os.stat(name, dir_fd=staging.folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{offer.path} is not a regular file")
    if not _is_readable(status, staging.group):  # what is readable stays as it is: it may be somebody's kept file
        undo.callback(_restore, staging, offer, status)
        _make_readable(staging, name, status)
    fd = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=staging.folder)
    try:
        os.fsync(fd)
        sha256 = _hash(fd) if status.st_size <= _SMALL else None
    finally:
        os.close(fd)
    return Staged(name, status.st_size, sha256)


def _make_readable(staging: Staging, name: str, status: os.stat_result) -> None:
    if status.st_gid != staging.group and _may_give_to(staging.group):
        os.chown(name, -1, staging.group, dir_fd=staging.folder, follow_symlinks=False)
    os.chmod(name, stat.S_IMODE(status.st_mode) | _READABLE, dir_fd=staging.folder)


def _restore(staging: Staging, offer: Offered, before: os.stat_result) -> None:
    """Give an original its group and mode back, unless the file is published: then they are the daemon's."""
    if identity_at(staging.folder, staged_name(staging, offer)) is None:
        return
    with suppress(OSError):
        if os.stat(offer.path, follow_symlinks=False).st_ino == before.st_ino:
            os.chown(offer.path, -1, before.st_gid, follow_symlinks=False)
            os.chmod(offer.path, stat.S_IMODE(before.st_mode))


def _hash(fd: int) -> str:
    digest, at = hashlib.sha256(), 0
    while part := os.pread(fd, _CHUNK, at):
        digest.update(part)
        at += len(part)
    return digest.hexdigest()
