"""This host's receipts, read from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from huracan_spool.receipt import Receipt
from huracan_spool.spool.protocol import RECEIPTS


def receipts_in(spool: Path) -> Iterator[Receipt]:
    """Raises `PermissionError`. What was removed meanwhile, or is none, is passed over."""
    folder = spool / RECEIPTS
    try:
        names = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except FileNotFoundError:
        return
    for path in names:
        with suppress(FileNotFoundError, ValueError):
            yield Receipt.from_json(path.read_bytes())
