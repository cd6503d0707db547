"""Models kept on this host: a few per symbol, for deployment without a download (contract section 5)."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path

from huracan_spool.spool.files import OpenFile, durable_file, fsync_folder, open_folder

_STEP = 64 * 1024 * 1024
_LARGE = 16 * 1024 * 1024  # bytes that training's data has a better use for than a copy that nobody may read
_NOT_BETWEEN_THESE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_KEPT = re.compile(r"[0-9]{8}_[0-9]{6}_.")


def keep_model(models: Path, symbol_folder: str, timestamp: str, model: OpenFile) -> Path | None:
    """Copy the open `model` to `{models}/{SYMBOL}/{timestamp}_{file}`, durably.

    A copy, not a rename: the spool is usually another mount, and a producer may still hold the file open.
    Returns None, and keeps nothing, when the file was written to since it was opened. Raises `OSError`.
    """
    folder_path = models / symbol_folder
    folder_path.mkdir(parents=True, exist_ok=True)
    # Each time: whoever made them may have been killed before this. It is free when there is nothing to do.
    fsync_folder(str(models.parent))
    fsync_folder(str(models))
    name = _kept_name(timestamp, model.name)
    folder = open_folder(str(folder_path))
    try:
        with suppress(_Changed), durable_file(folder, name) as target:
            _copy(model.fd, target, drops_pages=model.identity.size > _LARGE)
            if not model.unchanged():
                raise _Changed
            return folder_path / name
        return None
    finally:
        os.close(folder)


def prune_models(models: Path, symbol_folder: str, keep: int) -> None:
    """Remove all but the newest `keep` models of a symbol, by training time."""
    with suppress(FileNotFoundError):
        names = sorted(name for name in os.listdir(models / symbol_folder) if _KEPT.match(name))
        for name in names[: len(names) - keep] if len(names) > keep else ():
            os.unlink(models / symbol_folder / name)


def is_worth_keeping(models: Path, symbol_folder: str, timestamp: str, keep: int) -> bool:
    """False when `keep` newer models are there already."""
    try:
        names = os.listdir(models / symbol_folder)
    except FileNotFoundError:
        return keep > 0
    return sum(1 for name in names if _KEPT.match(name) and name[:15] > timestamp) < keep


def _kept_name(timestamp: str, file: str) -> str:
    """At most 255 bytes, with the end of a long name, which carries its suffix."""
    room = 255 - len(timestamp) - 1
    tail = file.encode()[-room:].decode(errors="ignore")
    return f"{timestamp}_{tail}"


class _Changed(Exception):
    """Takes the unfinished copy away again."""


def _copy(source: int, target: int, *, drops_pages: bool) -> None:
    """In the kernel: a reflink where the file system has them, and no detour through this process elsewhere.

    Step by step the pages of both leave the cache, so that a model of gigabytes does not push training's data out
    of it; written first, for what has not been written can't leave.
    """
    at = 0
    while copied := _copy_some(source, target, at):
        if drops_pages:
            os.fdatasync(target)
            os.posix_fadvise(target, at, copied, os.POSIX_FADV_DONTNEED)
            os.posix_fadvise(source, at, copied, os.POSIX_FADV_DONTNEED)
        at += copied


def _copy_some(source: int, target: int, at: int) -> int:
    try:
        return os.copy_file_range(source, target, _STEP, at)
    except OSError as error:
        if error.errno not in _NOT_BETWEEN_THESE:
            raise
    return os.sendfile(target, source, at, _STEP)
