"""What a large model costs the runs behind it: how long runs of 12 MB take, alone and beside it.

    python tests/benchmarks/fairness.py [--profile link] [--model 4e9] [--runs 8]

One run is dropped on the daemon every few seconds and timed until it is settled, first with an idle line, then with
a large model on its way. Its share of the line is what the run may lose; the last line says what it lost.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from clients import Ours, daemon
from processes import EmulatorAddress, emulator
from workload import LARGE, REALISTIC, Run, Workload, prepare

from huracan_spool.manifest import Symbol
from huracan_spool.producer.handover import publish
from huracan_spool.record import rfc3339

BETWEEN_RUNS = 3.0
LIMIT = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="link")
    parser.add_argument("--model", type=float, default=4e9, help="bytes")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="huracan-spool-fair-", dir=options.home))
    try:
        compare(home, options)
    finally:
        shutil.rmtree(home)


def compare(home: Path, options: argparse.Namespace) -> None:
    for name in ("small", "large"):
        (home / name).mkdir()
    small = prepare(Workload("small", "", 2 * options.runs, REALISTIC, is_backlog=False), home / "small").runs
    size = replace(LARGE, model_bytes=int(options.model))
    [large] = prepare(Workload("large", "", 1, size, is_backlog=False), home / "large").runs
    with (
        emulator(home / "dropbox", options.profile) as address,
        daemon(home, address, Ours().inspection) as process,
    ):
        until(lambda: " daemon_ready " in (home / "log").read_text(), process)
        alone = [timed(run, number, home, process) for number, run in enumerate(small[: options.runs])]
        print(f"alone:  {told(alone)}")
        submit(large, "large", home)
        until(lambda: large_is_moving(address), process)
        beside = [
            timed(run, options.runs + number, home, process) for number, run in enumerate(small[options.runs :])
        ]
        still = not receipt(home, "large").exists()
        print(
            f"beside: {told(beside)}{'' if still else ' (the large model was done too early: take a larger one)'}"
        )
        print(
            f"beside a large model a run takes {statistics.median(beside) / statistics.median(alone):.2f} x as long"
        )
        until(receipt(home, "large").exists, process)


def timed(run: Run, number: int, home: Path, process: subprocess.Popen[bytes]) -> float:
    """Seconds from the hand-over to the receipt."""
    time.sleep(BETWEEN_RUNS)
    began = time.monotonic()
    submit(run, str(number), home)
    until(receipt(home, str(number)).exists, process)
    return time.monotonic() - began


def submit(run: Run, name: str, home: Path) -> None:
    files = {str(kind): path for kind, path in run.files.items()}
    publish(home / "spool", f"R_{name}", Symbol(run.symbol).text, rfc3339(run.trained_at), files, {})


def receipt(home: Path, name: str) -> Path:
    return home / "spool" / "receipts" / f"R_{name}.json"


def large_is_moving(address: EmulatorAddress) -> bool:
    return sum(call["received"] for call in address.get("calls")) > 400e6


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline or process.poll() is not None:
            raise TimeoutError("the daemon does not get on; its log lies beside the spool")
        time.sleep(0.01)


def told(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds):.2f} s of {' '.join(f'{each:.2f}' for each in seconds)}"


if __name__ == "__main__":
    main()
