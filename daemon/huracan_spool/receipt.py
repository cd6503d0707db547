"""The receipt: what the daemon writes when a run is settled, and what clean-up goes by.

It is the commit record. Durable before the first file of the spool goes, it holds all that is needed to finish
a clean-up that was interrupted (contract section 5).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from huracan_spool.manifest import Kind
from huracan_spool.spool.files import Identity

VERSION = 1
UPLOADED = "uploaded"
FAILED = "failed"

RESULT_KEYS = {
    Kind.MODEL: "model",
    Kind.METRICS: "metrics",
    Kind.FEATURES: "features",
    Kind.CANDLES: "candle_data",
    Kind.TRADES: "trades",
}


def results_of(kinds: Collection[Kind], *, ok: bool) -> dict[str, bool]:
    """The pipeline's own dictionary: one key for each kind that the manifest has."""
    return {key: ok for kind, key in RESULT_KEYS.items() if kind in kinds}


@dataclass(frozen=True, slots=True)
class ArtifactReceipt:
    """One artifact as it lay in the spool and as it lies in the store."""

    file: str
    identity: Identity
    paths: tuple[str, ...]
    size: int
    sha256: str
    content_hash: str

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "identity": self.identity.to_json(),
            "paths": list(self.paths),
            "size": self.size,
            "sha256": self.sha256,
            "content_hash": self.content_hash,
        }

    @classmethod
    def from_json(cls, document: Any) -> Self:
        return cls(
            str(document["file"]),
            Identity.from_json(document["identity"]),
            tuple(map(str, document["paths"])),
            int(document["size"]),
            str(document["sha256"]),
            str(document["content_hash"]),
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """Times are RFC 3339 in UTC; `bytes_sent` counts what went over the wire, repeats included."""

    run: str
    status: str
    manifest_sha256: str | None
    manifest: Identity | None
    settled_at: str
    symbol: str | None = None
    trained_at: str | None = None
    digest: str | None = None
    superseded: bool = False
    results: Mapping[str, bool] = field(default_factory=dict)
    artifacts: Mapping[Kind, ArtifactReceipt] = field(default_factory=dict)
    attempts: int = 1
    bytes_sent: int = 0
    queued_at: str | None = None
    started_at: str | None = None
    inspection: Mapping[str, Any] | None = None
    code: str | None = None
    reason: str | None = None

    @property
    def uploaded(self) -> bool:
        return self.status == UPLOADED

    def to_json(self) -> bytes:
        document: dict[str, Any] = {
            "version": VERSION,
            "run": self.run,
            "symbol": self.symbol,
            "trained_at": self.trained_at,
            "status": self.status,
            "superseded": self.superseded,
            "results": dict(self.results),
            "artifacts": {str(kind): artifact.to_json() for kind, artifact in self.artifacts.items()},
            "manifest": self.manifest.to_json() if self.manifest else None,
            "manifest_sha256": self.manifest_sha256,
            "digest": self.digest,
            "attempts": self.attempts,
            "bytes_sent": self.bytes_sent,
            "queued_at": self.queued_at,
            "started_at": self.started_at,
            "settled_at": self.settled_at,
            "inspection": self.inspection,
        }
        if not self.uploaded:
            document |= {"code": self.code, "reason": self.reason}
        return json.dumps(document, indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Raises `ValueError` for anything that this version did not write."""
        try:
            return cls._from_document(json.loads(data))
        except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a receipt: {error!r}") from error

    @classmethod
    def _from_document(cls, document: Any) -> Self:
        if document["version"] != VERSION:
            raise ValueError(f"a receipt of version {document['version']!r}")
        artifacts = document["artifacts"]
        manifest = document["manifest"]
        plain = "run status results symbol trained_at digest superseded attempts bytes_sent queued_at started_at"
        return cls(
            manifest=Identity.from_json(manifest) if manifest else None,
            artifacts={Kind(kind): ArtifactReceipt.from_json(value) for kind, value in artifacts.items()},
            code=document.get("code"),
            reason=document.get("reason"),
            **{key: document[key] for key in f"{plain} settled_at inspection manifest_sha256".split()},
        )
