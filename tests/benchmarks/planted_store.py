"""A far and full emulated Dropbox: `planted_store.py WAN KIND NUMBER`; its first line says where it is.

KIND is `years`, NUMBER days of 200 symbols with files of a few bytes, or `pulls`, NUMBER runs of 12 MB of one symbol.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from huracan_spool.emulator import Emulator, EmulatorOptions, parse_profile
from huracan_spool.emulator.planting import Plant
from huracan_spool.manifest import Kind
from support.planting import Planted

FIRST = datetime(2025, 1, 1, 16, 49, 20, tzinfo=UTC)
SYMBOLS = [f"COIN{number:03}" for number in range(200)]
_PLACES = ("features/features.json", "results/trades.csv", "model/model.bin")


def years(days: int) -> Iterator[Plant]:
    """Each document has its own content, as the real ones have; nobody reads the rest."""
    for day in range(days):
        moment = FIRST + timedelta(days=day)
        for symbol in SYMBOLS:
            folder = f"/Huracan/models/training/{moment:%Y-%m-%d}/{symbol}-USDT"
            stamp = f"{symbol}_USDT_{moment:%Y%m%d_%H%M%S}_candles.parquet"
            for place in _PLACES:
                yield Plant(f"{folder}/{place}", b"x", moment.replace(tzinfo=None))
            yield Plant(f"{folder}/data/{stamp}", b"x", moment.replace(tzinfo=None))
            yield Plant(f"/Huracan/data/candles/{symbol}-USDT/{stamp}", b"x", moment.replace(tzinfo=None))
            yield Plant(
                f"{folder}/metrics/training_metrics.json", metrics(symbol, day), moment.replace(tzinfo=None)
            )
            record = json.dumps({"symbol": symbol, "day": day}).encode()
            yield Plant(f"{folder}/model/model_metadata.json", record, moment.replace(tzinfo=None))


def metrics(symbol: str, day: int) -> bytes:
    rng = random.Random(f"{symbol} {day}")
    names = ("win_rate", "sharpe_ratio", "total_profit_gbp", "max_drawdown", "profit_factor", "avg_hold_minutes")
    document = {name: rng.random() for name in names} | {"total_trades": rng.randrange(4000), "regime": "trend"}
    return json.dumps(document | {"by_exit": {"TAKE_PROFIT": rng.random(), "STOP_LOSS": rng.random()}}).encode()


def pulls(count: int) -> Iterator[Plant]:
    for day in range(count):
        rng = random.Random(day)
        run = Planted(
            trained_at=f"{FIRST + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}",
            files={
                Kind.MODEL: rng.randbytes(8 * 1024 * 1024),
                Kind.CANDLES: rng.randbytes(3 * 1024 * 1024),
                Kind.TRADES: rng.randbytes(700_000),
                Kind.FEATURES: b"{}",
            },
        )
        for path, data in run.tree().items():
            yield Plant(f"/Huracan/{path}", data, run.moment.replace(tzinfo=None))


async def main(wan: str, kind: str, number: int) -> None:
    profile = parse_profile(wan)
    async with Emulator(EmulatorOptions(wan=profile, download_content_type=True)) as emulator:
        emulator.plant({"years": years, "pulls": pulls}[kind](number))
        announced = {
            "http_url": emulator.http_url,
            "https_url": emulator.https_url,
            "ca_file": str(emulator.ca_file),
            "access_token": emulator.access_token,
        }
        print(json.dumps(announced), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
