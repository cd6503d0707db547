"""A training process that hands its runs over with the producer library: `trainer.py SPOOL SEED PER_SECOND`.

It goes on until its standard input is closed, and prints one JSON line for every run.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from swapped import handing_over

from huracan_spool import RunWriter, export_coin_results
from huracan_spool.manifest import Kind
from huracan_spool.samples import Size, write_sample
from stateful.expected_tree import content_hash_of

SYMBOLS = ("SOL/USDT", "btc/usdt:usdt", "ETH-EUR", "DOGE/USDT")
FIRST_DAY = datetime(2025, 11, 1, tzinfo=UTC)
RUNS_OF_A_DAY = 20
DAYS_LATE = 3
SAMPLES = 16  # so few that different runs often have the same file
SIZE = Size(model_bytes=48 * 1024, candles=300, trades=20)
LARGE = 9 * 1024 * 1024  # bytes of one model in `SAMPLES`: three requests
KINDS = tuple(str(kind) for kind in Kind)
OPTIONS = {kind: f"{kind}_path" for kind in KINDS} | {"candles": "candle_data_path"}


def training(rng: random.Random, samples: Path) -> Iterator[tuple[str, datetime, dict[str, Path]]]:
    """Symbol, time and files of run after run: late ones, equal times, any set of kinds, borrowed files."""
    number = 0
    while True:
        day = number // RUNS_OF_A_DAY + rng.randrange(DAYS_LATE)
        kinds = KINDS if rng.random() < 0.7 else tuple(rng.sample(KINDS, rng.randint(1, len(KINDS))))
        whole = rng.randrange(SAMPLES)
        numbers = {kind: whole if rng.random() < 0.8 else rng.randrange(SAMPLES) for kind in kinds}
        files = {kind: _sample(samples, numbers[kind])[kind] for kind in kinds}
        yield rng.choice(SYMBOLS), FIRST_DAY + timedelta(days=day, hours=rng.randrange(24)), files
        number += 1


def _sample(samples: Path, number: int) -> dict[str, Path]:
    folder = samples / str(number)
    if not folder.exists():
        folder.mkdir(parents=True)
        write_sample(folder, FIRST_DAY, number, SIZE if number else replace(SIZE, model_bytes=LARGE))
    return {path.stem: path for path in folder.iterdir()}


def hand_over(
    rng: random.Random, symbol: str, trained_at: datetime, files: dict[str, Path], desk: Path
) -> dict[str, object]:
    """One run in one of the library's ways; what the run is, as it must arrive."""
    hashes = {kind: content_hash_of(path.read_bytes()) for kind, path in files.items()}
    if rng.random() < 0.5:
        with RunWriter(symbol, trained_at) as run:
            for kind, path in files.items():
                shutil.copyfile(path, run.path(kind, path.suffix))
        submission = run.submission
    else:
        with TemporaryDirectory(dir=desk) as folder:
            copies = {kind: Path(shutil.copy(path, folder)) for kind, path in files.items()}
            paths = {OPTIONS[kind]: path for kind, path in copies.items()}
            submission = export_coin_results(symbol, trained_at, keep=rng.random() < 0.5, **paths)  # type: ignore[arg-type]
    assert submission is not None
    return {
        "run": submission.run,
        "error": submission.error,
        "symbol": symbol,
        "trained_at": trained_at.isoformat(),
        "hashes": hashes,
    }


def main(spool: str, seed: str, per_second: str) -> None:
    os.environ["HURACAN_SPOOL__PATH"] = spool
    rng = random.Random(int(seed))
    with TemporaryDirectory(dir=Path(spool).parent) as desk:
        for symbol, trained_at, files in training(rng, Path(desk) / "samples"):
            with handing_over(Path(spool)):
                line = hand_over(rng, symbol, trained_at, files, Path(desk))
            print(json.dumps(line), flush=True)
            if select.select([sys.stdin], [], [], rng.expovariate(float(per_second)))[0]:
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
