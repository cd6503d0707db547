"""Moving a failed run to `failed/<run>/`, so that a crash at any step is finished by the next start.

The steps, and what a crash after each leaves:

1. make `failed/<run>` (or `.2`, `.3` …), synced; a name is free when making it succeeds: an empty folder, which the
   next quarantine of the run takes. Nothing of the run has moved.
2. write `.reason.json` there, durably, with the files that go, and why: from here on the next start goes on.
3. move the artifacts, then the manifest; sync the new folder, then the old: each file is in one of the two, or
   after a power cut in both (`move_noreplace`). Not the old one first: they could be gone before they arrive.
4. write the failed receipt: it is written again, with the same words. Not earlier: the producer may take it for
   leave to use the names again.
5. rename `.reason.json` to `reason.json`: done. A power cut may take that back; then there is nothing left to
   move. A folder with a `reason.json` is never looked at again, so an operator may move files back by hand.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from huracan_spool.receipt import Receipt
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import (
    Identity,
    identity_at,
    move_noreplace,
    open_folder,
    write_durably,
)
from huracan_spool.spool.receipts import read_own_file, write_receipt

INTENT = "." + protocol.REASON
MAX_REASON_BYTES = 64 * 1024 * 1024  # a manifest may name thousands of files


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run goes to quarantine: the files that go with its manifest, the receipt that is to be written."""

    run: str
    code: str
    reason: str
    failed_at: str
    artifact: str | None
    files: Sequence[str]
    receipt: Receipt


def quarantine(spool: Spool, failure: Failure, named_by_others: Collection[str]) -> str:
    """Move the run's files to `failed/`; returns the folder's name.

    What belongs to somebody else or is named by another pending manifest stays, and is listed. Raises
    `OSError`; then `finish_interrupted` must be called before the run is looked at again.
    """
    folder_name = _make_folder(spool, failure.run)
    os.fsync(spool.failed)  # also when it was made by a process that was killed before it could
    with _folder(spool, folder_name) as folder:
        moved, left = _sort_files(spool, failure, named_by_others)
        intent = {
            "run": failure.run,
            "code": failure.code,
            "reason": failure.reason,
            "artifact": failure.artifact,
            "failed_at": failure.failed_at,
            "files": {name: identity.to_json() for name, identity in moved.items()},
            "left_in_spool": left,
            "receipt": json.loads(failure.receipt.to_json()),
        }
        write_durably(folder, INTENT, json.dumps(intent, indent=2).encode() + b"\n")
        _finish(spool, folder, intent)
    return folder_name


def finish_interrupted(spool: Spool) -> list[str]:
    """Finish every quarantine that was begun and not ended; returns the runs. Raises `OSError`."""
    finished = []
    for name in folders(spool):
        with _folder(spool, name) as folder:
            data = read_own_file(folder, INTENT, MAX_REASON_BYTES)
            with suppress(ValueError, KeyError, TypeError):
                if data is not None:
                    intent = json.loads(data)
                    _finish(spool, folder, intent)
                    finished.append(str(intent["run"]))
    return finished


def folders(spool: Spool) -> list[str]:
    """The names below `failed/`, oldest first by name."""
    with os.scandir(spool.failed) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def _finish(spool: Spool, folder: int, intent: Any) -> None:
    for name, identity in intent["files"].items():
        if Identity.from_json(identity).same_file(identity_at(spool.root, name)):
            with suppress(FileExistsError, FileNotFoundError):
                move_noreplace(spool.root, name, folder)
    os.fsync(folder)
    os.fsync(spool.root)
    write_receipt(spool, Receipt.from_json(json.dumps(intent["receipt"]).encode()))
    os.rename(INTENT, protocol.REASON, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def _sort_files(
    spool: Spool, failure: Failure, named_by_others: Collection[str]
) -> tuple[dict[str, Identity], dict[str, str]]:
    """What moves, artifacts first, and what stays with the reason why."""
    manifest = protocol.manifest_name(failure.run)
    owner = _status(spool, manifest)
    moved: dict[str, Identity] = {}
    left: dict[str, str] = {}
    for name, status in _statuses(spool, (*failure.files, manifest)):
        if name in named_by_others:
            left[name] = "named by another pending manifest"
        elif owner is not None and status.st_uid not in (owner.st_uid, 0, os.geteuid()):
            left[name] = f"belongs to another user ({status.st_uid})"
        elif stat.S_ISDIR(status.st_mode) and status.st_uid != os.geteuid() != 0:
            left[name] = "is another user's folder, which the daemon can't move"
        else:
            moved[name] = Identity.of(status)
    return moved, left


def _statuses(spool: Spool, names: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    for name in names:
        status = _status(spool, name)
        if status is not None:
            yield name, status


def _status(spool: Spool, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=spool.root, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _make_folder(spool: Spool, run: str) -> str:
    for number in count(1):
        name = run if number == 1 else f"{run}.{number}"
        with suppress(FileExistsError):
            os.mkdir(name, 0o750, dir_fd=spool.failed)
            return name
        with _folder(spool, name) as folder:
            if all(_is_unfinished(each) for each in os.listdir(folder)):
                return name
    raise AssertionError


def _is_unfinished(name: str) -> bool:
    """A `.reason.json` that a crash kept from getting its name; files of a run don't begin with a dot."""
    return name.startswith(".") and name != INTENT


@contextmanager
def _folder(spool: Spool, name: str) -> Iterator[int]:
    folder = open_folder(name, spool.failed)
    try:
        yield folder
    finally:
        os.close(folder)
