"""The work of the benchmarks: runs as a producer has them, and the remote tree that they become."""

from __future__ import annotations

import json
import os
import random
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from huracan_spool import layout
from huracan_spool.manifest import Kind, Symbol
from huracan_spool.producer.handover import publish
from huracan_spool.record import rfc3339
from huracan_spool.samples import REALISTIC, Size, moment, write_sample

APP_FOLDER = "Huracan"
START = moment("2025-11-12T00:00:00")
MIB = 1024 * 1024
# About as long as the record that the daemon adds to a run.
RECORD = json.dumps({"note": "stands for the record of a run", "padding": "x" * 1600}).encode()
LARGE = replace(REALISTIC, model_bytes=2_000_000_000)
TINY = Size(model_bytes=2048, candles=60, trades=5)


@dataclass(frozen=True)
class Workload:
    """`is_backlog` says that the runs are there before the client starts; else an idle daemon gets them."""

    name: str
    says: str
    runs: int
    size: Size
    is_backlog: bool

    def quick(self) -> Workload:
        model_bytes = min(self.size.model_bytes, 256 * MIB)
        size = replace(self.size, model_bytes=model_bytes)
        return replace(self, runs=max(1, self.runs // (5 if self.size == REALISTIC else 10)), size=size)


WORKLOADS = {
    work.name: work
    for work in (
        Workload("W1", "one run of 12 MB", 1, REALISTIC, is_backlog=False),
        Workload("W2", "a backlog of runs of 12 MB", 100, REALISTIC, is_backlog=True),
        Workload("W3", "one run with a large model", 1, LARGE, is_backlog=False),
        Workload("W4", "a backlog of tiny runs", 1000, TINY, is_backlog=True),
    )
}


@dataclass(frozen=True)
class Run:
    symbol: str
    trained_at: datetime
    files: Mapping[Kind, Path]

    def remote(self) -> dict[str, Path | None]:
        """Path under the app folder to source; None is the record."""
        symbol = Symbol(self.symbol)
        day = layout.day_folder(symbol, self.trained_at)
        tree: dict[str, Path | None] = {
            f"{day}/{layout.place(kind, symbol, self.trained_at)}": path for kind, path in self.files.items()
        }
        tree[f"{day}/{layout.RECORD_PLACE}"] = None
        tree[layout.shared_candles(symbol, self.trained_at)] = self.files[Kind.CANDLES]
        return tree


@dataclass(frozen=True)
class Prepared:
    """A workload on disk. `folder` is the remote tree below the app folder, for clients that copy folders."""

    work: Workload
    runs: tuple[Run, ...]
    folder: Path
    groups: Path
    """JSON: for each run, the paths of its files in `folder`."""

    @property
    def sizes(self) -> dict[str, int]:
        return {
            f"/{APP_FOLDER}/{path.relative_to(self.folder).as_posix()}": path.stat().st_size
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def publish(self, spool: Path) -> None:
        for number, run in enumerate(self.runs):
            files = {str(kind): path for kind, path in run.files.items()}
            name = f"{Symbol(run.symbol).prefix}_{number}"
            publish(spool, name, run.symbol, rfc3339(run.trained_at), files, {})


def prepare(work: Workload, home: Path) -> Prepared:
    folder, groups = home / "tree", []
    runs = tuple(_runs(work, home / "sources"))
    for run in runs:
        remote = run.remote()
        groups.append(list(remote))
        for path, source in remote.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if source is None:
                target.write_bytes(RECORD)
            else:
                os.link(source, target)
    listed = home / "groups.json"
    listed.write_text(json.dumps(groups))
    return Prepared(work, runs, folder, listed)


def _runs(work: Workload, sources: Path) -> list[Run]:
    """No two models nor candles are the same, so nobody can spare a transfer."""
    sources.mkdir()
    first = sources / "first"
    first.mkdir()
    sample = write_sample(first, START, 1, replace(work.size, model_bytes=1024))
    block = random.Random(1).randbytes(min(work.size.model_bytes, 64 * MIB))
    return [_run(work, sources / f"{number:05d}", sample, block, number) for number in range(work.runs)]


def _run(work: Workload, folder: Path, sample: Mapping[Kind, Path], block: bytes, number: int) -> Run:
    folder.mkdir()
    files = {kind: folder / path.name for kind, path in sample.items()}
    for kind, path in files.items():
        if kind not in {Kind.MODEL, Kind.CANDLES}:
            shutil.copyfile(sample[kind], path)
    candles = pl.read_parquet(sample[Kind.CANDLES])
    candles.with_columns(pl.col("volume") + number).write_parquet(files[Kind.CANDLES])
    _write_model(files[Kind.MODEL], block, work.size.model_bytes, number)
    return Run(f"C{number:05d}/USDT", START + timedelta(seconds=number), files)


def _write_model(path: Path, block: bytes, size: int, number: int) -> None:
    """The layout of a file by torch.save. The block comes again and again: random bytes are slow to make."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("model/version", b"3\n")
        archive.writestr("model/number", str(number))
        with archive.open("model/data/0", "w", force_zip64=True) as tensor:
            for written in range(0, size, len(block)):
                tensor.write(block[: size - written])
