"""Runs as producers make them, and where their files belong in the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huracan_spool.manifest import Kind
from huracan_spool.producer.handover import publish
from huracan_spool.samples import Size, write_sample
from support.producer_process import Published

TINY = Size(model_bytes=2_000, candles=20, trades=3)
FIRST = datetime(2025, 11, 12, 8, 0, tzinfo=UTC)
SUFFIXES = {"model": ".pt", "metrics": ".json", "features": ".json", "candles": ".parquet", "trades": ".csv"}


@dataclass(frozen=True)
class Run:
    """`contents` maps a kind to its bytes."""

    name: str
    symbol: str
    trained_at: datetime
    contents: Mapping[str, bytes]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def manifest_file(self) -> str:
        return f"{self.name}.manifest.json"

    def file(self, kind: str) -> str:
        return f"{self.name}_{kind}{SUFFIXES[kind]}"

    @property
    def files(self) -> dict[str, str]:
        return {kind: self.file(kind) for kind in self.contents}

    def manifest(self) -> dict[str, Any]:
        return {
            "version": 1,
            "symbol": self.symbol,
            "trained_at": f"{self.trained_at:%Y-%m-%dT%H:%M:%SZ}",
            "artifacts": {
                kind: {"file": self.file(kind), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for kind, data in self.contents.items()
            },
            "metadata": dict(self.metadata),
        }

    def renamed(self, name: str) -> Run:
        return replace(self, name=name)

    @property
    def published(self) -> Published:
        hashes = {kind: hashlib.sha256(data).hexdigest() for kind, data in self.contents.items()}
        return Published(self.name, self.symbol, f"{self.trained_at:%Y-%m-%dT%H:%M:%SZ}", hashes)

    def drop(self, spool: Path, manifest: Mapping[str, Any] | bytes | None = None) -> None:
        """Files and manifest written in place, the manifest last; another one if it is given."""
        for kind, data in self.contents.items():
            (spool / self.file(kind)).write_bytes(data)
        document = self.manifest() if manifest is None else manifest
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        (spool / self.manifest_file).write_bytes(data)

    def publish(self, spool: Path) -> None:
        """As the producer library does it."""
        with TemporaryDirectory(dir=spool.parent) as folder:
            sources = {kind: Path(folder) / self.file(kind) for kind in self.contents}
            for kind, path in sources.items():
                path.write_bytes(self.contents[kind])
            moment = self.manifest()["trained_at"]
            publish(spool, self.name, self.symbol, moment, sources, self.metadata)


def make_run(seed: int = 0, *, symbol: str = "SOL/USDT", name: str | None = None, size: Size = TINY) -> Run:
    """Seeds of one symbol lie an hour apart."""
    trained_at = FIRST + timedelta(hours=seed)
    with TemporaryDirectory() as folder:
        files = write_sample(Path(folder), trained_at, seed, size)
        contents = {str(kind): path.read_bytes() for kind, path in files.items()}
    prefix = symbol.replace("/", "_")
    return Run(name or f"{prefix}_{trained_at:%Y%m%d_%H%M%S}", symbol, trained_at, contents)


def only(run: Run, *kinds: Kind | str) -> Run:
    return Run(run.name, run.symbol, run.trained_at, {str(kind): run.contents[str(kind)] for kind in kinds})
