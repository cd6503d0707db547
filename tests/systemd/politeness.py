"""What uploading a backlog takes from training: `python tests/systemd/politeness.py [--seconds N]`.

Training is a busy process that reads its data over and over. On its processor a daemon with a backlog uploads,
first as any process, then as the unit has it: Nice=, CPUSchedulingPolicy=, and a slice with CPUWeight=1 beside
training's. The emulator has a processor of its own, so what training loses it loses to the daemon. Told are the
rounds that training makes in a second, how much is uploaded meanwhile, and what of training's data is left in the
page cache. Needs two processors and root.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from huracan_spool.emulator import Emulator, EmulatorOptions
from huracan_spool.samples import Size
from support.runs import Run, make_run
from support.site import Site

AS_IN_THE_UNIT = ("nice", "-n", "19", "chrt", "--idle", "0", "ionice", "-c", "3")
TRAININGS, OTHERS = sorted(os.sched_getaffinity(0))[:2]  # processors
CONTROLLER = Path("/sys/fs/cgroup/cpu")
# systemd's CPUWeight= in the terms of the first control groups, where 1024 is the usual 100.
SHARES = {"training": 1024, "slice": 1024 // 100}
MODEL_BYTES = 8_000_000
DATA_BYTES = 64 * 1024 * 1024
BACKLOG = 60


@dataclass(frozen=True, slots=True)
class Figures:
    seconds: float
    rounds: int

    @property
    def pace(self) -> float:
        return self.rounds / self.seconds


def group(name: str) -> Path:
    """A control group with its share of the processor."""
    place = CONTROLLER / f"huracan-spool-{name}"
    place.mkdir(exist_ok=True)
    (place / "cpu.shares").write_text(str(SHARES[name]))
    return place


def in_group(name: str) -> tuple[str, ...]:
    """The beginning of a command that runs there."""
    return ("sh", "-c", 'echo $$ >"$0/tasks" && exec "$@"', str(group(name)))


def train(data: Path, rounds: Synchronized[int]) -> None:
    """Hashes stand for the arithmetic; a 64th of the data is read anew in each round."""
    os.sched_setaffinity(0, {TRAININGS})
    (group("training") / "tasks").write_text(str(os.getpid()))
    with data.open("rb") as file:
        while True:
            piece = file.read(DATA_BYTES // 64)
            if not piece:
                file.seek(0)
                continue
            hashlib.sha256(piece).digest()
            with rounds.get_lock():
                rounds.value += 1


async def figures_of(rounds: Synchronized[int], seconds: float) -> Figures:
    before, began = rounds.value, time.monotonic()
    await asyncio.sleep(seconds)
    return Figures(time.monotonic() - began, rounds.value - before)


def resident(path: Path) -> float:
    """The share of a file that is in the page cache."""
    words = ["fincore", "--bytes", "--noheadings", "--output", "RES", str(path)]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(answer.stdout) / path.stat().st_size


async def upload(folder: Path, seconds: float, wrapper: tuple[str, ...], rounds: Synchronized[int]) -> Figures:
    """Training's figures meanwhile. Prints what was uploaded."""
    async with Emulator(EmulatorOptions(http=None, root=folder / "dropbox")) as dropbox:
        site = Site(folder / "host", {"upload.calls_per_second": "1000", "spool.keep_models": "0"})
        site.connect(dropbox)
        site.spool.mkdir(mode=0o700)
        for seed in range(BACKLOG):
            large_run(seed).publish(site.spool)
        async with site.launched("taskset", "--cpu-list", str(TRAININGS), *wrapper):
            figures = await figures_of(rounds, seconds)
            done = len(receipts(site))
    print(f"    {done} runs of {MODEL_BYTES / 1e6:.0f} MB uploaded")
    return figures


def receipts(site: Site) -> set[str]:
    return site.receipts() if (site.spool / "receipts").exists() else set()


def large_run(seed: int) -> Run:
    return make_run(seed, size=Size(model_bytes=MODEL_BYTES, candles=2000, trades=100))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        data = folder / "data"
        data.write_bytes(os.urandom(DATA_BYTES))
        rounds: Synchronized[int] = multiprocessing.Value("q", 0)
        os.sched_setaffinity(0, {OTHERS})
        training = multiprocessing.Process(target=train, args=(data, rounds))
        training.start()
        try:
            alone = await figures_of(rounds, options.seconds)
            print(f"training alone: {alone.pace:.0f} rounds/s")
            for title, wrapper in (("any process", ()), ("as in the unit", (*in_group("slice"), *AS_IN_THE_UNIT))):
                place = folder / title.replace(" ", "-")
                place.mkdir()
                found = await upload(place, options.seconds, wrapper, rounds)
                print(
                    f"beside a daemon, {title}: {found.pace:.0f} rounds/s ({found.pace / alone.pace:.0%}); "
                    f"{resident(data):.0%} of training's data in the page cache"
                )
        finally:
            training.terminate()
            training.join()
            for each in SHARES:
                group(each).rmdir()


if __name__ == "__main__":
    asyncio.run(main())
