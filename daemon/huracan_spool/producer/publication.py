"""Making a staged run visible: artifacts first, the manifest last, and nothing of it if that fails.

The steps, and what a crash after each leaves:

1. the manifest is written in the hidden folder and fsynced: nothing to be seen; originals are where they were, or
   in the hidden folder when they were renamed into it.
2. each artifact gets its name, refusing to replace anything; the directory is fsynced: whole files that no
   manifest names, which the daemon leaves alone. Not after the manifest: it would name what a power cut takes away.
3. the manifest gets its name: from here on the run is the daemon's. A power cut may take the name back, and then
   it is as after step 2.
4. the directory is fsynced: nothing can be lost any more, and only now may originals be removed.

A name that is taken, at whatever step, takes the steps back, and the next name is tried.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from huracan_spool.manifest import VERSION, Kind, parse_manifest
from huracan_spool.producer.naming import candidates, file_names
from huracan_spool.producer.offered import Staged
from huracan_spool.producer.staging import Staging
from huracan_spool.spool import protocol
from huracan_spool.spool.files import identity_at, rename_noreplace, write_all

_MANIFEST = "manifest.json"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Declaration(NamedTuple):
    """What a manifest says besides its files; `trained_at` is RFC 3339."""

    symbol: str
    trained_at: str
    metadata: Mapping[str, Any]

    def manifest(self, artifacts: Mapping[Kind, Mapping[str, Any]]) -> bytes:
        document = {
            "version": VERSION,
            "symbol": self.symbol,
            "trained_at": self.trained_at,
            "artifacts": {str(kind): artifacts[kind] for kind in Kind if kind in artifacts},
            "metadata": dict(self.metadata) if isinstance(self.metadata, Mapping) else self.metadata,
        }
        return json.dumps(document, indent=2, allow_nan=False).encode() + b"\n"


class Published(NamedTuple):
    """A run that is the daemon's now."""

    run: str
    manifest_sha256: str
    files: Mapping[Kind, Path]


def check(declaration: Declaration, run: str, paths: Mapping[Kind, Path]) -> None:
    """Whether the daemon will take such a manifest, before anything is moved. Raises `BadManifest`."""
    names = file_names(run, paths)
    parse_manifest(declaration.manifest({kind: {"file": name} for kind, name in names.items()}))


def publish_staged(
    staging: Staging,
    declaration: Declaration,
    names: Iterable[str],
    paths: Mapping[Kind, Path],
    staged: Mapping[Kind, Staged],
) -> Published:
    """Publish under the first of `names` that is free. `paths` are where the files came from.

    Raises `FileExistsError` when none is, and other `OSError`; then everything is back in the hidden folder. An
    error after the manifest has its name means that the run is published, but might not survive a power cut.
    """
    taken = ""
    for run in names:
        try:
            return _publish_as(staging, declaration, run, file_names(run, paths), staged)
        except FileExistsError as error:
            taken = str(error.filename2 or run)
    raise FileExistsError(errno.EEXIST, "the spool has a run or a file of that name", taken)


def unused_names(staging: Staging, run: str) -> Iterator[str]:
    """The names for a run that nobody has used, as far as the spool remembers.

    Settled runs count: whoever waits for our receipt must not find another run's.
    """
    return (name for name in candidates(run) if not _is_used(staging, name))


def _is_used(staging: Staging, run: str) -> bool:
    settled = f"{protocol.RECEIPTS}/{protocol.receipt_name(run)}"
    for name in (protocol.manifest_name(run), settled, f"{protocol.FAILED}/{run}"):
        with suppress(PermissionError, FileNotFoundError, NotADirectoryError):
            os.stat(name, dir_fd=staging.root, follow_symlinks=False)
            return True
    return False


def _publish_as(
    staging: Staging,
    declaration: Declaration,
    run: str,
    names: Mapping[Kind, str],
    staged: Mapping[Kind, Staged],
) -> Published:
    data = declaration.manifest({kind: _declared(names[kind], file) for kind, file in staged.items()})
    try:
        _write(staging, data)
        for kind, file in staged.items():
            rename_noreplace(staging.folder, file.name, staging.root, names[kind])
        os.fsync(staging.root)
        rename_noreplace(staging.folder, _MANIFEST, staging.root, protocol.manifest_name(run))
    except BaseException:
        _take_back(staging, names, staged)
        raise
    os.fsync(staging.root)
    files = {kind: staging.spool / names[kind] for kind in Kind if kind in names}
    return Published(run, hashlib.sha256(data).hexdigest(), files)


def _declared(name: str, file: Staged) -> dict[str, Any]:
    known = {"file": name, "size": file.size}
    return known if file.sha256 is None else {**known, "sha256": file.sha256}


def _write(staging: Staging, data: bytes) -> None:
    fd = os.open(_MANIFEST, _CREATE, 0o640, dir_fd=staging.folder)
    try:
        os.fchown(fd, -1, staging.group)
        os.fchmod(fd, 0o640)  # whatever the umask
        write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)


def _take_back(staging: Staging, names: Mapping[Kind, str], staged: Mapping[Kind, Staged]) -> None:
    """Undo the renames, which an interrupt may have ended anywhere.

    What is no longer in the hidden folder was renamed; so if the manifest is not there, the run is published, and
    taking its files back would break it.
    """
    try:
        os.unlink(_MANIFEST, dir_fd=staging.folder)
    except FileNotFoundError:
        return
    for kind, file in staged.items():
        if identity_at(staging.folder, file.name) is None:
            with suppress(OSError):
                rename_noreplace(staging.root, names[kind], staging.folder, file.name)
