"""Sample runs in a host's local archive, whole and with metrics of one's own."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from shelves import TINY

from huracan_spool.manifest import Kind
from huracan_spool.samples import write_sample
from support.planting import Planted
from support.site import Site


def plant(site: Site, trained_at: str, *, superseded: bool = False, **metrics: Any) -> None:
    """A run of SOL/USDT with all five files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_sample(Path(folder), datetime.fromisoformat(trained_at), 1, TINY)
        files = {kind: path.read_bytes() for kind, path in paths.items() if kind is not Kind.METRICS}
    Planted(trained_at=trained_at, files=files, metrics=metrics, superseded=superseded).into_folder(site.archive)
