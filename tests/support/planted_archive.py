"""Years of runs as they lie in Dropbox, spelled out anew from the contract: for whoever reads archives.

    emulator.plant(years_of_runs(73_000))

Of the files of a run only its metrics and its record are its own; the others are shared by every eighth run. All
of them are what they claim to be, and each record names the sizes and hashes of its run's files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from huracan_spool.emulator import Plant
from huracan_spool.emulator.content_hash import hash_of
from support.runs import make_run

FIRST_DAY = datetime(2023, 1, 1, 12, tzinfo=UTC)
SYMBOLS_A_DAY = 100
SAMPLES = 8
Facts = dict[str, str | int]


def years_of_runs(count: int, *, symbols: int = SYMBOLS_A_DAY, root: str = "/Huracan") -> Iterator[Plant]:
    """Six files of each run, one run of each symbol a day, and the candles' shared copies."""
    samples = [make_run(seed).contents for seed in range(SAMPLES)]
    facts = [{kind: _facts(data) for kind, data in sample.items()} for sample in samples]
    for number in range(count):
        at = FIRST_DAY + timedelta(days=number // symbols)
        symbol = f"C{number % symbols:03}/USDT"
        contents, known = samples[number % SAMPLES], facts[number % SAMPLES]
        metrics = json.dumps({**json.loads(contents["metrics"]), "run_number": number}).encode()
        yield from _run(root, symbol, at, {**contents, "metrics": metrics}, {**known, "metrics": _facts(metrics)})


def _run(
    root: str, symbol: str, at: datetime, contents: Mapping[str, bytes], facts: Mapping[str, Facts]
) -> Iterator[Plant]:
    folder, prefix = symbol.replace("/", "-"), symbol.replace("/", "_")
    candles = f"{prefix}_{at:%Y%m%d_%H%M%S}_candles.parquet"
    places = {
        "model": "model/model.bin",
        "metrics": "metrics/training_metrics.json",
        "features": "features/features.json",
        "candles": f"data/{candles}",
        "trades": "results/trades.csv",
    }
    day = f"{root}/models/training/{at:%Y-%m-%d}/{folder}"
    for kind, place in places.items():
        yield Plant(f"{day}/{place}", contents[kind], at)
    yield Plant(f"{day}/model/model_metadata.json", _record(symbol, at, places, facts), at)
    yield Plant(f"{root}/data/candles/{folder}/{candles}", contents["candles"], at)


def _record(symbol: str, at: datetime, places: Mapping[str, str], facts: Mapping[str, Facts]) -> bytes:
    folder, prefix = symbol.replace("/", "-"), symbol.replace("/", "_")
    lines = [f"{kind}:{facts[kind]['content_hash']}" for kind in places]
    lines += [f"symbol:{folder}", f"trained_at:{at:%Y%m%d_%H%M%S}"]
    run = f"{prefix}_{at:%Y%m%d_%H%M%S}"
    record = {
        "symbol": symbol,
        "date": f"{at:%Y-%m-%d}",
        "uploaded_at": f"{at + timedelta(minutes=9):%Y-%m-%dT%H:%M:%SZ}",
        "trained_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "run": run,
        "digest": hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest(),
        "host": "train-07",
        "model": {"file": f"rl_agent_{run}.pt", **facts["model"], "format": None},
        "artifacts": {kind: {"path": place, **facts[kind]} for kind, place in places.items()},
        "inspection": None,
        "metadata": {},
        "uploader": "huracan-spool 1.0",
    }
    return json.dumps(record, indent=2).encode() + b"\n"


def _facts(data: bytes) -> Facts:
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "content_hash": hash_of(data)}
