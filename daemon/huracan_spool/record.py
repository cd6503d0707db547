"""The record of a run, `model_metadata.json` in the store: who owns a day's folder.

Its bytes are the same on every attempt, so that a repeated commit is a repetition and no conflict.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from huracan_spool import layout
from huracan_spool.manifest import Kind, Manifest, Symbol, parse_symbol, parse_trained_at

# 64 KiB of metadata can be 4.3 MiB when it is indented, nested as deeply as a manifest may be. A record that is too
# long to be read would leave its run's files without an owner.
MAX_RECORD_BYTES = 8 * 1024 * 1024

_CONTENT_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class RunKey:
    """Orders the runs of one symbol and date: (`timestamp` as in paths, digest in hex)."""

    timestamp: str
    digest: str


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run as its record tells it: the content hash wanted at each of its places.

    Places are those of a latest run, relative to the day folder; the record's own is among them.
    """

    key: RunKey
    wants: Mapping[str, str]


def run_digest(symbol: Symbol, trained_at: datetime, content_hashes: Mapping[Kind, str]) -> str:
    """The run's identity (contract section 1)."""
    lines = [f"symbol:{symbol.folder}", f"trained_at:{layout.timestamp(trained_at)}"]
    lines += [f"{kind}:{content_hash}" for kind, content_hash in content_hashes.items()]
    return hashlib.sha256("".join(line + "\n" for line in sorted(lines)).encode()).hexdigest()


def rfc3339(moment: datetime) -> str:
    """UTC, whole seconds: `2025-11-12T16:49:20Z`."""
    return f"{moment.year:04d}{moment:-%m-%dT%H:%M:%S}Z"


def rfc3339_at(seconds: float) -> str:
    """Of a time in seconds since 1970."""
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """What is known of an artifact once it has been read: size in bytes, hashes in hex."""

    file: str
    size: int
    sha256: str
    content_hash: str


def build_record(
    manifest: Manifest,
    artifacts: Mapping[Kind, ArtifactFacts],
    *,
    run: str,
    digest: str,
    uploaded_at: str,
    host: str,
    inspection: Mapping[str, Any] | None,
    uploader: str,
) -> bytes:
    model = artifacts.get(Kind.MODEL)
    document = {
        "symbol": manifest.symbol.text,
        "date": manifest.trained_at.date().isoformat(),
        "uploaded_at": uploaded_at,
        "trained_at": rfc3339(manifest.trained_at),
        "run": run,
        "digest": digest,
        "host": host,
        "model": _model(model, inspection) if model else None,
        "artifacts": {
            str(kind): {
                "path": layout.place(kind, manifest.symbol, manifest.trained_at),
                "size": facts.size,
                "sha256": facts.sha256,
                "content_hash": facts.content_hash,
            }
            for kind, facts in artifacts.items()
        },
        "inspection": inspection,
        "metadata": manifest.metadata,
        "uploader": uploader,
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def parse_record(data: bytes, content_hash: str, symbol_folder: str, date: str) -> KnownRun | None:
    """Read a record found in `symbol_folder` and `date`; None unless it is a true record of that day.

    Anybody with access to the account can write there, so the digest is computed again.
    """
    try:
        document = json.loads(data)
        symbol = parse_symbol(document["symbol"])
        trained_at = parse_trained_at(document["trained_at"])
        hashes = {Kind(kind): _content_hash(facts["content_hash"]) for kind, facts in document["artifacts"].items()}
        digest = run_digest(symbol, trained_at, hashes)
        true = document["digest"] == digest
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None
    if not true or symbol.folder != symbol_folder or trained_at.date().isoformat() != date:
        return None
    wants = {layout.place(kind, symbol, trained_at): value for kind, value in hashes.items()}
    return KnownRun(RunKey(layout.timestamp(trained_at), digest), {layout.RECORD_PLACE: content_hash} | wants)


def _content_hash(value: Any) -> str:
    """Raises `ValueError`: a line break in a hash would let other artifacts have the same digest."""
    if not isinstance(value, str) or not _CONTENT_HASH.fullmatch(value):
        raise ValueError("not a content hash")
    return value


def _model(facts: ArtifactFacts, inspection: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "file": facts.file,
        "size": facts.size,
        "sha256": facts.sha256,
        "content_hash": facts.content_hash,
        "format": ((inspection or {}).get("model") or {}).get("format"),
    }
