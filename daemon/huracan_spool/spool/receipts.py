"""The folder of receipts: written durably, believed only when the daemon itself wrote them.

A crash while one is written leaves a `.….tmp`, which the next start removes, and the run pending: it is stored
again, and the store finds everything there. A crash after the rename leaves a receipt that a power cut may yet
take away; whoever acts on one that it has not written itself syncs the folder first (`unfinished_cleanup`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from huracan_spool.codes import Code
from huracan_spool.errors import Rejected
from huracan_spool.receipt import Receipt
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import open_folder, open_regular, read_limited, write_durably

MAX_RECEIPT_BYTES = 4 * 1024 * 1024


def write_receipt(spool: Spool, receipt: Receipt) -> None:
    """The commit record of a run. Raises `OSError`, and then nothing of the run may be removed."""
    write_durably(spool.receipts, protocol.receipt_name(receipt.run), receipt.to_json())


def read_receipt(spool: Spool, run: str) -> Receipt | None:
    """The receipt of `run`; None when there is none that can be believed."""
    data = read_own_file(spool.receipts, protocol.receipt_name(run), MAX_RECEIPT_BYTES)
    if data is None:
        return None
    with suppress(ValueError):
        receipt = Receipt.from_json(data)
        return receipt if receipt.run == run else None
    return None


def receipts_below(spool: Path) -> Iterator[Receipt]:
    """The receipts of a spool for a look from outside, by any user who may read them, in no order.

    What is no receipt, or was pruned meanwhile, is passed over. Raises `PermissionError`, and other `OSError`.
    """
    try:
        folder = open_folder(str(spool / protocol.RECEIPTS))
    except FileNotFoundError:
        return
    try:
        for name in os.listdir(folder):
            if not name.startswith("."):
                with suppress(ValueError):
                    yield Receipt.from_json(_read_from_outside(folder, name))
    finally:
        os.close(folder)


def _read_from_outside(folder: int, name: str) -> bytes:
    """Nothing of what is no file, or was pruned meanwhile."""
    try:
        file = open_regular(folder, name)
    except Rejected as rejected:
        if rejected.code == Code.UNREADABLE:
            raise PermissionError from rejected
        return b""
    try:
        return read_limited(file, MAX_RECEIPT_BYTES)
    finally:
        file.close()


def read_own_file(folder: int, name: str, limit: int) -> bytes | None:
    """A file's bytes if it is a regular file of the daemon's own user and not too large."""
    try:
        file = open_regular(folder, name)
    except Rejected:
        return None
    try:
        data = read_limited(file, limit)
        return data if file.uid == os.geteuid() and len(data) <= limit else None
    finally:
        file.close()


def all_receipts(spool: Spool) -> Iterator[Receipt]:
    with os.scandir(spool.receipts) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    for name in names:
        receipt = read_receipt(spool, name.removesuffix(".json"))
        if receipt is not None:
            yield receipt


def prune_receipts(spool: Spool, keep_seconds: float) -> int:
    """Remove receipts that were written more than `keep_seconds` ago, unless their run is pending again.

    A receipt with a pending manifest may be the commit record of a clean-up that is not done yet.
    """
    oldest = time.time() - keep_seconds
    removed = 0
    with os.scandir(spool.receipts) as entries:
        old = [entry.name for entry in entries if entry.stat(follow_symlinks=False).st_mtime < oldest]
    for name in old:
        manifest = protocol.manifest_name(name.removesuffix(".json"))
        if name.startswith(".") or _exists(spool, manifest):
            continue
        os.unlink(name, dir_fd=spool.receipts)
        removed += 1
    return removed


def _exists(spool: Spool, name: str) -> bool:
    try:
        os.stat(name, dir_fd=spool.root, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
