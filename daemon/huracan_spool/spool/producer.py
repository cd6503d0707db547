"""Handing a run over: copied under dot names, synced, renamed; the manifest whole and last.

Standard library only: this is what training imports. The order of the steps is the protocol:

1. each artifact under a dot name, complete, readable by the group, fsynced;
2. renamed to its name, refusing to replace anything, and the directory fsynced;
3. the manifest under a dot name, fsynced, renamed, and the directory fsynced: from here on the run is the
   daemon's. A crash before leaves files that no manifest names.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from huracan_spool.spool.files import open_folder, rename_noreplace, write_all

_CHUNK = 1024 * 1024
_MODE = 0o640


def publish(
    spool: Path,
    run: str,
    symbol: str,
    trained_at: str,
    artifacts: Mapping[str, Path],
    metadata: Mapping[str, Any],
) -> Path:
    """Copy `artifacts` (kind to file) into the spool and declare them; returns the manifest's path.

    Raises `OSError`, `FileExistsError` among them when the spool has a file of one of these names; then nothing
    of this run is left behind.
    """
    folder = open_folder(str(spool))
    done: list[str] = []
    try:
        declared = {}
        for kind, source in artifacts.items():
            name = f"{run}_{kind}{source.suffix}"
            declared[kind] = _copy_in(folder, source, name)
            done.append(name)
        os.fsync(folder)
        manifest = {
            "version": 1,
            "symbol": symbol,
            "trained_at": trained_at,
            "artifacts": declared,
            "metadata": dict(metadata),
        }
        _publish_manifest(folder, f"{run}.manifest.json", json.dumps(manifest, indent=2).encode() + b"\n")
    except BaseException:
        for name in done:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(folder)
    return spool / f"{run}.manifest.json"


def _copy_in(folder: int, source: Path, name: str) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file, _appearing(folder, name) as target:
        while part := file.read(_CHUNK):
            digest.update(part)
            size += len(part)
            write_all(target, part)
    return {"file": name, "size": size, "sha256": digest.hexdigest()}


def _publish_manifest(folder: int, name: str, data: bytes) -> None:
    with _appearing(folder, name) as target:
        write_all(target, data)
    os.fsync(folder)


@contextmanager
def _appearing(folder: int, name: str) -> Iterator[int]:
    """A file that gets its name when it is complete and synced, and never takes another one's."""
    temporary = f".{os.getpid()}.{name}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(temporary, flags, _MODE, dir_fd=folder)
    try:
        os.fchmod(fd, _MODE)  # whatever the umask
        yield fd
        os.fsync(fd)
        rename_noreplace(folder, temporary, folder, name)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    finally:
        os.close(fd)
