"""Runs put into a store as the daemon would leave them, without one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huracan_spool import layout
from huracan_spool.content_hash import content_hash
from huracan_spool.emulator import Emulator
from huracan_spool.manifest import Kind, Manifest, parse_symbol, parse_trained_at
from huracan_spool.record import ArtifactFacts, build_record, run_digest


@dataclass(frozen=True)
class Planted:
    """`files` by kind; the metrics are made unless there are any."""

    symbol: str = "SOL/USDT"
    trained_at: str = "2025-11-12T16:49:20Z"
    files: Mapping[Kind, bytes] = field(default_factory=dict)
    metrics: Mapping[str, Any] | None = field(default_factory=lambda: {"sharpe_ratio": 1.5, "total_trades": 3})
    superseded: bool = False
    inspection: Mapping[str, Any] | None = None

    @property
    def moment(self) -> datetime:
        return parse_trained_at(self.trained_at)

    @property
    def contents(self) -> dict[Kind, bytes]:
        made = {} if self.metrics is None else {Kind.METRICS: json.dumps(self.metrics).encode()}
        return {**made, **self.files}

    @property
    def digest(self) -> str:
        hashes = {kind: content_hash(data) for kind, data in self.contents.items()}
        return run_digest(parse_symbol(self.symbol), self.moment, hashes)

    @property
    def folder(self) -> str:
        day = layout.day_folder(parse_symbol(self.symbol), self.moment)
        old = layout.superseded_folder(layout.timestamp(self.moment), self.digest) if self.superseded else ""
        return f"{day}/{old}"  # both end with a slash

    def record(self) -> bytes:
        manifest = Manifest(parse_symbol(self.symbol), self.moment, (), {"host": "train-07"})
        facts = {
            kind: ArtifactFacts(f"{kind}.x", len(data), hashlib.sha256(data).hexdigest(), content_hash(data))
            for kind, data in self.contents.items()
        }
        return build_record(
            manifest,
            facts,
            run="planted",
            digest=self.digest,
            uploaded_at="2025-11-12T17:00:00Z",
            host="train-07",
            inspection=self.inspection,
            uploader="tests",
        )

    def tree(self) -> dict[str, bytes]:
        """By path below the app folder, the shared candles among them."""
        symbol = parse_symbol(self.symbol)
        found = {self.folder + layout.RECORD_PLACE: self.record()}
        for kind, data in self.contents.items():
            found[self.folder + layout.place(kind, symbol, self.moment)] = data
        if Kind.CANDLES in self.contents:
            found[layout.shared_candles(symbol, self.moment)] = self.contents[Kind.CANDLES]
        return found

    def into_dropbox(self, emulator: Emulator, app_folder: str = "Huracan") -> None:
        for path, data in self.tree().items():
            emulator.put(f"/{app_folder}/{path}", data, self.moment.astimezone(UTC).replace(tzinfo=None))

    def into_folder(self, root: Path) -> None:
        for path, data in self.tree().items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
            os.utime(root / path, (self.moment.timestamp(), self.moment.timestamp()))
