"""Runs ready to be stored, and the tree that they must make: spelled out anew, from the contract's section 4."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from huracan_spool.content_hash import content_hash, fingerprint
from huracan_spool.manifest import Kind, parse_manifest
from huracan_spool.record import ArtifactFacts, build_record
from huracan_spool.stores.base import Content, PlannedRun

AT = datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC)
FIVE = {kind: f"the {kind}".encode() for kind in Kind}
RECORD = "model/model_metadata.json"


def planned(
    artifacts: Mapping[Kind, bytes] = FIVE,
    at: datetime = AT,
    symbol: str = "SOL/USDT",
    metadata: Mapping[str, Any] | None = None,
    **record: str,
) -> PlannedRun:
    """`record` is what else its record says: `host`, `uploaded_at`."""
    document = {
        "version": 1,
        "symbol": symbol,
        "trained_at": f"{at.year:04d}-{at:%m-%dT%H:%M:%S}Z",
        "artifacts": {kind: f"{kind}.file" for kind in artifacts},
        "metadata": dict(metadata or {}),
    }
    manifest = parse_manifest(json.dumps(document).encode())
    prints = {kind: fingerprint(data) for kind, data in artifacts.items()}
    facts = {
        kind: ArtifactFacts(f"{kind}.file", found.size, found.sha256, found.content_hash)
        for kind, found in prints.items()
    }
    digest = digest_of(symbol, at, artifacts)
    data = build_record(
        manifest,
        facts,
        run="run",
        digest=digest,
        inspection=None,
        uploader="test 1",
        **{"host": "train-07", "uploaded_at": "2025-11-12T16:58:00Z"} | record,
    )
    contents = {kind: Content(data, prints[kind]) for kind, data in artifacts.items()}
    return PlannedRun(
        "run",
        manifest.symbol,
        manifest.trained_at,
        digest,
        contents,
        Content(data, fingerprint(data)),
        tried_before=False,
    )


def again(run: PlannedRun) -> PlannedRun:
    return replace(run, tried_before=True)


def digest_of(symbol: str, at: datetime, artifacts: Mapping[Kind, bytes]) -> str:
    lines = [f"{kind}:{content_hash(data)}" for kind, data in artifacts.items()]
    lines += [f"symbol:{folder_of(symbol)}", f"trained_at:{stamp(at)}"]
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()


def folder_of(symbol: str) -> str:
    return symbol.upper().replace("/", "-").replace("_", "-").replace(":", "-")


def stamp(at: datetime) -> str:
    return f"{at.year:04d}{at:%m%d_%H%M%S}"


def bytes_of(run: PlannedRun) -> dict[str, bytes]:
    """A run's files by their places in the day's folder."""
    prefix = run.symbol.folder.replace("-", "_")
    places = {
        Kind.MODEL: "model/model.bin",
        Kind.METRICS: "metrics/training_metrics.json",
        Kind.FEATURES: "features/features.json",
        Kind.CANDLES: f"data/{prefix}_{stamp(run.trained_at)}_candles.parquet",
        Kind.TRADES: "results/trades.csv",
    }
    return {RECORD: _bytes(run.record)} | {places[kind]: _bytes(each) for kind, each in run.artifacts.items()}


def day_of(run: PlannedRun) -> str:
    return f"models/training/{run.trained_at.date().isoformat()}/{run.symbol.folder}"


def superseded_folder(run: PlannedRun) -> str:
    return f"superseded/{stamp(run.trained_at)}-{run.digest[:8]}"


def shared_candles(run: PlannedRun, *, renamed: bool = False) -> str:
    prefix = run.symbol.folder.replace("-", "_")
    suffix = f"-{run.digest[:8]}" if renamed else ""
    return f"data/candles/{run.symbol.folder}/{prefix}_{stamp(run.trained_at)}_candles{suffix}.parquet"


def expected_tree(*runs: PlannedRun) -> dict[str, bytes]:
    """What must be there when all of these have been stored, in whatever order. No two share a second."""
    tree: dict[str, bytes] = {}
    for day, of_day in groupby(sorted(runs, key=lambda run: (day_of(run), _order(run))), key=day_of):
        *earlier, latest = of_day
        tree |= _below(day, bytes_of(latest))
        for run in earlier:
            tree |= _below(f"{day}/{superseded_folder(run)}", bytes_of(run))
    for run in runs:
        if Kind.CANDLES in run.artifacts:
            tree[shared_candles(run)] = _bytes(run.artifacts[Kind.CANDLES])
    return tree


def _order(run: PlannedRun) -> tuple[datetime, str]:
    return run.trained_at, run.digest


def _below(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{place}": data for place, data in files.items()}


def _bytes(content: Content) -> bytes:
    assert isinstance(content.source, bytes)
    return content.source


# Three runs of one day. The newest has a model in two pieces, and candles that Dropbox copies on a busy line.
OLDER = planned(FIVE, AT - timedelta(hours=2))
MIDDLE = planned({kind: data + b" 2" for kind, data in FIVE.items()}, AT - timedelta(hours=1))
NEWER = planned(
    {kind: data + b" 3" for kind, data in FIVE.items()}
    | {Kind.MODEL: b"\1" * (4 * 1024 * 1024 + 5), Kind.CANDLES: b"\2" * 300_000}
)
