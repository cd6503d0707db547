"""A first look at a manifest, for all of them: which version it is, and which files it names."""

from __future__ import annotations

import errno
import json
import os
import stat

from huracan_spool.errors import Rejected
from huracan_spool.manifest import MAX_MANIFEST_BYTES, well_named_files
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import Identity, open_regular, read_limited

_THE_HOST = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def version_of(spool: Spool, name: str) -> str | None:
    """A manifest that was touched in any way has another version.

    None when nothing is there, or a folder: that is no run, and another user's can't even be moved.
    """
    try:
        status = os.stat(name, dir_fd=spool.root, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def published_at(version: str) -> float:
    """When this version of a manifest came to be, in seconds since 1970: by the kernel, its owner has no say."""
    return int(version.rpartition(":")[2]) / 1e9


def identity_of(version: str) -> Identity:
    return Identity(*(int(part) for part in version.split(":")[:4]))


def declared_files(spool: Spool, run: str) -> tuple[str, ...]:
    """The well-named files that a manifest lists, however wrong the rest of it may be.

    Not by the strict parser: that takes four times as long, and a backlog has 100,000 of them. A file that only
    a rejected manifest names is kept for it until that one is in quarantine, which does no harm.

    Raises `OSError` when this host lacks descriptors or memory: a manifest taken for an empty one then could
    cost its run the files that it shares with another. A manifest that the disk does not give out names none.
    """
    try:
        file = open_regular(spool.root, protocol.manifest_name(run))
        try:
            document = json.loads(read_limited(file, MAX_MANIFEST_BYTES))
        finally:
            file.close()
    except (Rejected, ValueError, RecursionError):
        return ()
    except OSError as error:
        if error.errno in _THE_HOST:
            raise
        return ()
    return well_named_files(document) if isinstance(document, dict) else ()
