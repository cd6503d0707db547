"""A small archive in memory, and runs to fill it with."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from huracan_spool.manifest import Kind
from huracan_spool.samples import Size, write_sample

SYMBOL = "SOL-USDT"
FIRST = datetime(2025, 11, 1, 16, 49, 20, tzinfo=UTC)
TINY = Size(model_bytes=500, candles=200, trades=40)
ALL = tuple(str(kind) for kind in Kind)


@dataclass(frozen=True)
class Kept:
    """One run, as an archive hands it out."""

    trained_at: datetime
    symbol: str = SYMBOL
    superseded: bool = False
    record: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)
    trades_frame: pl.DataFrame | None = None
    candles_frame: pl.DataFrame | None = None
    trouble: str = ""

    def trades(self) -> pl.DataFrame | None:
        if self.trouble:
            raise pl.exceptions.ComputeError(self.trouble)
        return self.trades_frame

    def candles(self) -> pl.DataFrame | None:
        return self.candles_frame

    def but(self, **changed: Any) -> Kept:
        return replace(self, **changed)


class Shelf:
    def __init__(self, kept: Iterable[Kept]) -> None:
        self._kept = sorted(kept, key=lambda run: (run.symbol, run.trained_at, run.superseded))

    def runs(self, symbol: str | None = None, since: date | None = None, until: date | None = None) -> pl.DataFrame:
        chosen = [
            run
            for run in self._kept
            if symbol in {None, run.symbol}
            and (since is None or run.trained_at.date() >= since)
            and (until is None or run.trained_at.date() <= until)
        ]
        return frame_of(chosen)

    def run(self, symbol: str, day: date, trained_at: datetime | None = None) -> Kept:
        found = [
            run
            for run in self._kept
            if run.symbol == symbol
            and run.trained_at.date() == day
            and (run.trained_at == trained_at if trained_at else not run.superseded)
        ]
        return found[-1]


def frame_of(kept: Iterable[Kept]) -> pl.DataFrame:
    """As `Archive.runs`: what a run is, then a column for each metric of any of them."""
    runs = list(kept)
    identity = pl.DataFrame(
        [
            (run.symbol, run.trained_at.date(), run.trained_at, run.superseded, _kinds(run), 1_000_000, "a/folder")
            for run in runs
        ],
        schema={
            "symbol": pl.String,
            "date": pl.Date,
            "trained_at": pl.Datetime("us", "UTC"),
            "superseded": pl.Boolean,
            "kinds": pl.List(pl.String),
            "bytes": pl.Int64,
            "folder": pl.String,
        },
        orient="row",
    )
    names = dict.fromkeys(name for run in runs for name in run.metrics)
    return identity.with_columns(
        pl.Series(name, [run.metrics.get(name) for run in runs], strict=False) for name in names
    )


def _kinds(run: Kept) -> list[str]:
    return list(run.record.get("artifacts", {}))


def sample(day: int, *, size: Size = TINY, hour: int = 0, kinds: tuple[str, ...] = ALL, **changed: Any) -> Kept:
    """A generated run `day` days after the first."""
    trained_at = FIRST + timedelta(days=day, hours=hour)
    with tempfile.TemporaryDirectory() as folder:
        contents = {
            str(kind): path.read_bytes() for kind, path in write_sample(Path(folder), trained_at, day, size).items()
        }
    present = {kind: contents[kind] for kind in kinds}
    run = Kept(
        trained_at,
        record=record_of(trained_at, present),
        metrics=json.loads(present["metrics"]) if "metrics" in present else {},
        features=json.loads(present["features"]) if "features" in present else {},
        trades_frame=pl.read_csv(io.BytesIO(present["trades"])) if "trades" in present else None,
        candles_frame=pl.read_parquet(io.BytesIO(present["candles"])) if "candles" in present else None,
    )
    return run.but(**changed)


def record_of(trained_at: datetime, contents: Mapping[str, bytes]) -> dict[str, Any]:
    moment = f"{trained_at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "symbol": "SOL/USDT",
        "date": trained_at.date().isoformat(),
        "uploaded_at": moment,
        "trained_at": moment,
        "run": f"SOL_USDT_{trained_at:%Y%m%d_%H%M%S}",
        "digest": "5e" * 32,
        "host": "train-07",
        "model": None,
        "artifacts": {
            kind: {"path": f"{kind}/file", "size": len(data), "sha256": "ab" * 32, "content_hash": "cd" * 32}
            for kind, data in contents.items()
        },
        "inspection": {"failed": None, "findings": [], "trades": {"format": "csv", "rows": 40}},
        "metadata": {"git_commit": "a1b2c3d"},
        "uploader": "huracan-spool 0.1.0",
    }
