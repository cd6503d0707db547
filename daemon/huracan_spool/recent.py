"""The runs that were settled last, as the receipts tell it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huracan_spool.receipt import Receipt
from huracan_spool.spool import protocol


@dataclass(frozen=True, slots=True)
class Recent:
    """`code` and `reason` are those of a failed run. `results` is the pipeline's own dictionary."""

    run: str
    symbol: str | None
    status: str
    settled_at: str
    superseded: bool
    bytes_sent: int
    attempts: int
    results: Mapping[str, bool]
    code: str | None
    reason: str | None

    @classmethod
    def of(cls, receipt: Receipt) -> Recent:
        return cls(**{name: getattr(receipt, name) for name in cls.__slots__})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def recent_runs(spool: Path, most: int) -> list[Recent]:
    """Newest first, read from the receipts below `spool`. Raises `OSError`, but not when there are none."""
    folder = spool / protocol.RECEIPTS
    try:
        with os.scandir(folder) as entries:
            written = {
                entry.name: entry.stat(follow_symlinks=False).st_mtime_ns
                for entry in entries
                if not entry.name.startswith(".")
            }
    except FileNotFoundError:
        return []
    newest = sorted(written, key=lambda name: written[name], reverse=True)
    return [recent for name in newest[:most] if (recent := _read(folder / name)) is not None]


def _read(path: Path) -> Recent | None:
    """None for what is no receipt, or was pruned meanwhile."""
    try:
        return Recent.of(Receipt.from_json(path.read_bytes()))
    except (FileNotFoundError, ValueError):
        return None
