"""A training host in miniature, run as a process of its own: `producer_process.py SPOOL FIRST COUNT SIZE`.

Publishes COUNT different runs, numbered from FIRST, and prints one JSON line for each: what must arrive.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from huracan_spool.manifest import Kind
from huracan_spool.producer.handover import publish
from huracan_spool.samples import REALISTIC, SMALL, Size, write_sample

SIZES = {"small": replace(SMALL, model_bytes=256 * 1024), "realistic": REALISTIC}
SYMBOLS = ("SOL/USDT", "BTC/USDT", "ETH/USDT", "DOGE/USDT", "ADA/USDT", "XRP/USDT", "AVAX/USDT", "LINK/USDT")
START = datetime(2025, 11, 1, 6, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Published:
    """`sha256` by kind."""

    name: str
    symbol: str
    trained_at: str
    sha256: dict[str, str]

    @property
    def published(self) -> Published:
        return self

    @property
    def stamp(self) -> str:
        return f"{datetime.fromisoformat(self.trained_at):%Y%m%d_%H%M%S}"


def variants(first: int, count: int, size: Size, folder: Path) -> Iterator[tuple[str, datetime, dict[str, Path]]]:
    """Symbol, time and files of each run. One sample is made; the others differ from it in a few bytes."""
    base = write_sample(folder, START, first, size)
    frame = pl.read_parquet(base[Kind.CANDLES])
    payload = bytearray(zipfile.ZipFile(base[Kind.MODEL]).read("model/data/0"))
    trades = base[Kind.TRADES].read_text()
    metrics: dict[str, Any] = json.loads(base[Kind.METRICS].read_bytes())
    for number in range(first, first + count):
        files = {str(kind): folder / f"{number}-{kind}{path.suffix}" for kind, path in base.items()}
        payload[:8] = number.to_bytes(8, "big")
        files["model"].write_bytes(_model(bytes(payload)))
        frame.with_columns(pl.col("volume") + number).write_parquet(files["candles"])
        files["trades"].write_text(trades.replace("LONG", "SHORT", number + 1))
        files["metrics"].write_text(json.dumps(metrics | {"number": number}))
        files["features"].write_bytes(base[Kind.FEATURES].read_bytes())
        yield SYMBOLS[number % len(SYMBOLS)], _trained_at(number), files
        for path in files.values():
            path.unlink()


def _trained_at(number: int) -> datetime:
    """A symbol is trained once a day, and every tenth run is a second one of its symbol's day before."""
    again = number % 10 == 9
    return START + timedelta(hours=3 * (number - len(SYMBOLS) * again), minutes=again * 30)


def _model(payload: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("model/data/0", payload)
    return buffer.getvalue()


def main(spool: str, first: str, count: str, size: str) -> None:
    with TemporaryDirectory(dir=Path(spool).parent) as folder:
        for symbol, trained_at, files in variants(int(first), int(count), SIZES[size], Path(folder)):
            name = f"{symbol.replace('/', '_')}_{trained_at:%Y%m%d_%H%M%S}"
            text = f"{trained_at:%Y-%m-%dT%H:%M:%SZ}"
            hashes = {kind: hashlib.sha256(path.read_bytes()).hexdigest() for kind, path in files.items()}
            publish(Path(spool), name, symbol, text, files, {"pid": os.getpid()})
            sys.stdout.write(json.dumps(asdict(Published(name, symbol, text, hashes))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
