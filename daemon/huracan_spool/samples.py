"""Generated runs with the shape of real ones, for `demo` and tests. Not training results: random numbers."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

from huracan_spool.manifest import Kind

_TRADED_MINUTES = 36 * 60
REASONS = ("TAKE_PROFIT", "STOP_LOSS", "TIMEOUT", "MODEL_SIGNAL")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a sample is: the model's bytes, candles (one a minute, about 30 bytes each), trades."""

    model_bytes: int
    candles: int
    trades: int


SMALL = Size(model_bytes=64 * 1024, candles=2_160, trades=157)
REALISTIC = Size(model_bytes=8 * 1024 * 1024, candles=100_000, trades=3_600)


def write_sample(folder: Path, trained_at: datetime, seed: int, size: Size = SMALL) -> Mapping[Kind, Path]:
    """Write the five files of one run into `folder`; the same seed gives the same run."""
    rng = random.Random(seed)  # noqa: S311
    candles = _candles(trained_at, rng, size.candles)
    trades = _trades(trained_at, rng, size.trades, [row[4] for row in candles])
    files = {
        Kind.MODEL: (folder / "model.pt", _model(rng, size.model_bytes)),
        Kind.METRICS: (folder / "metrics.json", _json(_metrics(trades))),
        Kind.FEATURES: (folder / "features.json", _json(_features())),
        Kind.CANDLES: (folder / "candles.parquet", _parquet(candles)),
        Kind.TRADES: (folder / "trades.csv", _csv(trades)),
    }
    for path, data in files.values():
        path.write_bytes(data)
    return {kind: path for kind, (path, _) in files.items()}


def _model(rng: random.Random, size: int) -> bytes:
    """The layout of a file by torch.save, a zip with a pickle and raw tensors; nobody should load it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # By ZipInfo, whose time is not the clock's: the same seed gives the same file.
        archive.writestr(zipfile.ZipInfo("model/data.pkl"), b"\x80\x02}q\x00.")
        archive.writestr(zipfile.ZipInfo("model/version"), b"3\n")
        archive.writestr(zipfile.ZipInfo("model/data/0"), rng.randbytes(size))
    return buffer.getvalue()


Candle = tuple[datetime, float, float, float, float, float]


def _candles(end: datetime, rng: random.Random, count: int) -> list[Candle]:
    """Opening, open, high, low, close and volume of each minute."""
    price, rows = 150.0, list[Candle]()
    for number in range(count):
        opened = price
        price *= 1 + rng.gauss(0, 0.0008)
        high, low = max(opened, price) * (1 + rng.random() / 2000), min(opened, price) * (1 - rng.random() / 2000)
        moment = end - timedelta(minutes=count - number)
        rows.append((moment, opened, high, low, price, rng.expovariate(1 / 900)))
    return rows


def _parquet(candles: list[Candle]) -> bytes:
    import polars as pl  # noqa: PLC0415 - 0.1 s, and only here

    columns = ["timestamp", "open", "high", "low", "close", "volume"]
    buffer = io.BytesIO()
    pl.DataFrame(candles, schema=columns, orient="row").write_parquet(buffer)
    return buffer.getvalue()


def _trades(end: datetime, rng: random.Random, count: int, prices: list[float]) -> list[dict[str, object]]:
    """Of the last 36 hours, entered at the price of their minute."""
    trades = []
    for number in range(count):
        before_end = _TRADED_MINUTES * (1 - number / count)
        entered = end - timedelta(minutes=before_end)
        minutes, entry = rng.randint(1, 55), round(prices[-min(len(prices), ceil(before_end))], 4)
        bps = round(rng.gauss(4, 35), 2)
        trades.append(
            {
                "entry_time": entered.isoformat(),
                "exit_time": (entered + timedelta(minutes=minutes)).isoformat(),
                "entry_price": entry,
                "exit_price": round(entry * (1 + bps / 10_000), 4),
                "direction": rng.choice(("LONG", "SHORT")),
                "size_gbp": 100.0,
                "profit_bps": bps,
                "profit_gbp": round(bps / 100, 4),
                "exit_reason": rng.choice(REASONS),
                "hold_minutes": minutes,
                "is_winner": bps > 0,
                "confidence": round(rng.random(), 3),
                "regime": rng.choice(("trend", "range")),
            }
        )
    return trades


def _metrics(trades: list[dict[str, object]]) -> dict[str, object]:
    profits = [float(str(trade["profit_gbp"])) for trade in trades]
    return {
        "total_trades": len(trades),
        "win_rate": sum(profit > 0 for profit in profits) / max(1, len(profits)),
        "total_profit_gbp": round(sum(profits), 4),
        "sharpe_ratio": 1.37,
        "note": "generated sample, not a training result",
    }


def _features() -> dict[str, object]:
    columns = [f"feature_{number:02d}" for number in range(42)]
    return {"columns": columns, "count": len(columns), "dimensions": [len(columns)]}


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"


def _csv(trades: list[dict[str, object]]) -> bytes:
    header = ",".join(trades[0]) if trades else ""
    lines = [",".join(str(value) for value in trade.values()) for trade in trades]
    return ("\n".join([header, *lines]) + "\n").encode()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
