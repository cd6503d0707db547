"""Failed runs as operators handle them: look, try again, drop. Works with and without a running daemon.

Needs the rights of the daemon's user, or root's: the folders below `failed/` are the daemon's.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huracan_spool.manifest import MANIFEST_SUFFIX
from huracan_spool.spool import protocol
from huracan_spool.spool.files import fsync_folder, move_noreplace, open_folder


@dataclass(frozen=True, slots=True)
class FailedRun:
    """`folder` is its name below `failed/`; `files` are what lies there besides the reason."""

    folder: str
    run: str
    code: str
    reason: str
    artifact: str | None
    failed_at: str
    files: tuple[str, ...]
    left_in_spool: dict[str, str]


def failed_runs(spool: Path) -> list[FailedRun]:
    """Oldest first. A quarantine that is not finished yet is not listed. Raises `OSError`."""
    found = (_read(spool / protocol.FAILED / name) for name in _folders(spool))
    return sorted((run for run in found if run is not None), key=lambda run: (run.failed_at, run.folder))


def retry(spool: Path, failed: FailedRun) -> None:
    """Move a failed run's files back into the spool, its manifest last.

    A crash after any step leaves the rest in its folder with its `reason.json`, still listed and to be tried again:
    artifacts that are back already are orphans till the manifest follows, and the folder goes last, empty. A power
    cut may leave a file in both (`move_noreplace`).

    Raises `FileExistsError` when a name is taken there, and other `OSError`; then what was not moved is still
    in its folder, and calling it again goes on.
    """
    source = open_folder(str(spool / protocol.FAILED / failed.folder))
    target = open_folder(str(spool))
    try:
        for name in sorted(failed.files, key=lambda name: name.endswith(MANIFEST_SUFFIX)):
            if name.endswith(MANIFEST_SUFFIX):
                os.fsync(target)
                _forget_receipt(spool, failed.run)
            move_noreplace(source, name, target)
        os.fsync(target)
        os.unlink(protocol.REASON, dir_fd=source)
    finally:
        os.close(source)
        os.close(target)
    os.rmdir(spool / protocol.FAILED / failed.folder)
    fsync_folder(str(spool / protocol.FAILED))


def discard(spool: Path, failed: FailedRun) -> None:
    """Delete a failed run for good. Raises `OSError`."""
    shutil.rmtree(spool / protocol.FAILED / failed.folder)
    fsync_folder(str(spool / protocol.FAILED))


def _forget_receipt(spool: Path, run: str) -> None:
    """Whoever waits for the run's receipt waits for the new one."""
    with suppress(FileNotFoundError):
        os.unlink(spool / protocol.RECEIPTS / protocol.receipt_name(run))


def _folders(spool: Path) -> list[str]:
    try:
        return sorted(os.listdir(spool / protocol.FAILED))
    except FileNotFoundError:
        return []


def _read(folder: Path) -> FailedRun | None:
    try:
        reason: dict[str, Any] = json.loads((folder / protocol.REASON).read_bytes())
        return FailedRun(
            folder=folder.name,
            run=str(reason["run"]),
            code=str(reason["code"]),
            reason=str(reason["reason"]),
            artifact=reason.get("artifact"),
            failed_at=str(reason["failed_at"]),
            files=tuple(sorted(name for name in os.listdir(folder) if name != protocol.REASON)),
            left_in_spool=dict(reason.get("left_in_spool", {})),
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
