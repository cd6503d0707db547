"""What a store must hold when runs have arrived, spelled out anew: the daemon's own layout is under test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from huracan_spool.emulator import Emulator
from support.producer_process import Published
from support.runs import Run

RECORD = "model/model_metadata.json"

Tree = dict[str, str | dict[str, Any]]


def remote(emulator: Emulator) -> Tree:
    """Path to sha256; of records, what they say, but for the time of the upload."""
    return {path: _seen(path, file.read()) for path, file in emulator.tree().items()}


def archived(root: Path) -> Tree:
    """The local archive at `root`, spelled as the remote tree is."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        f"/{root.name}/{path.relative_to(root).as_posix()}": _seen(str(path), path.read_bytes()) for path in files
    }


def records(emulator: Emulator) -> dict[str, str]:
    """Run to digest, of all records in the store."""
    found = [seen for seen in remote(emulator).values() if isinstance(seen, dict)]
    by_run = {record["run"]: record["digest"] for record in found}
    assert len(by_run) == len(found), "a run has more than one record"
    return by_run


def without_records(tree: Tree) -> dict[str, str]:
    return {path: seen for path, seen in tree.items() if isinstance(seen, str)}


def expected(runs: Iterable[Run | Published], digests: Mapping[str, str]) -> dict[str, str]:
    """Every file but the records; of a symbol's runs of one day the latest has the fixed names."""
    tree: dict[str, str] = {}
    facts = sorted((run.published for run in runs), key=lambda run: (run.trained_at, digests[run.name]))
    latest = {_day(run): run for run in facts}
    for run in facts:
        old = "" if latest[_day(run)] is run else f"superseded/{run.stamp}-{digests[run.name][:8]}/"
        for kind, sha256 in run.sha256.items():
            tree[f"{_day(run)}/{old}{_place(run, kind)}"] = sha256
            if kind == "candles":
                tree[f"/Huracan/data/candles/{_folder(run)}/{_candles(run)}"] = sha256
    return tree


def _seen(path: str, data: bytes) -> str | dict[str, Any]:
    if not path.endswith(RECORD):
        return hashlib.sha256(data).hexdigest()
    record: dict[str, Any] = json.loads(data)
    return record | {"uploaded_at": "some time"}


def _folder(run: Published) -> str:
    return run.symbol.replace("/", "-")


def _day(run: Published) -> str:
    return f"/Huracan/models/training/{run.trained_at[:10]}/{_folder(run)}"


def _candles(run: Published) -> str:
    return f"{run.symbol.replace('/', '_')}_{run.stamp}_candles.parquet"


def _place(run: Published, kind: str) -> str:
    return {
        "model": "model/model.bin",
        "metrics": "metrics/training_metrics.json",
        "features": "features/features.json",
        "trades": "results/trades.csv",
        "candles": f"data/{_candles(run)}",
    }[kind]
