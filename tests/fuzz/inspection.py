"""`python tests/fuzz/inspection.py --cases N --seed S`: does every damaged file end in a verdict within the limits?

Worker processes look at damaged files under the limits of an inspection. What kills one, takes ten seconds, or
gives no usable verdict is printed with its number; `tests/unit/test_inspection_models.py` keeps what was found.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")
ENVIRONMENT = {"PYTHONPATH": str(WORKER.parent.parent), "ARROW_DEFAULT_MEMORY_POOL": "system"}
CHUNK = 2_000  # cases of one worker: then it starts afresh, for the memory limit's sake


@dataclass
class Outcome:
    cases: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)


def fuzz(seed: int, first: int, count: int) -> Outcome:
    """Look at `count` cases, with a new worker after each one that died."""
    outcome = Outcome()
    at, end = first, first + count
    while at < end:
        at = _run_worker(seed, at, end - at, outcome)
    return outcome


def _run_worker(seed: int, first: int, count: int, outcome: Outcome) -> int:
    """The number to go on from."""
    command = [sys.executable, str(WORKER), str(seed), str(first), str(count)]
    done = subprocess.run(command, capture_output=True, check=False, env=ENVIRONMENT)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        if "ends" in line:
            _count(seed, line, outcome)
    if done.returncode == 0:
        return first + count
    if not lines:
        raise RuntimeError(done.stderr.decode())
    number = int(lines[-1].get("begins", first + count))
    outcome.cases += 1
    outcome.deaths.append(f"{seed}:{number} died with {done.returncode}: {done.stderr.decode()[-200:].strip()}")
    return number + 1


def _count(seed: int, line: dict, outcome: Outcome) -> None:
    outcome.cases += 1
    if "problem" in line:
        outcome.problems.append(f"{seed}:{line['ends']} {line['kind']}: {line['problem']}")
    for code in set(line.get("verdict", ())) or {"(nothing found)"}:
        outcome.verdicts[f"{line['kind']} {code}"] += 1


def _chunks(cases: int) -> Iterator[tuple[int, int]]:
    for first in range(0, cases, CHUNK):
        yield first, min(CHUNK, cases - first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    total = Outcome()
    with ThreadPoolExecutor(arguments.workers) as pool:
        for outcome in pool.map(lambda chunk: fuzz(arguments.seed, *chunk), _chunks(arguments.cases)):
            total.cases += outcome.cases
            total.verdicts += outcome.verdicts
            for line in (*outcome.problems, *outcome.deaths):
                print(line, flush=True)
            total.problems += outcome.problems
            total.deaths += outcome.deaths
    for what, times in sorted(total.verdicts.items()):
        print(f"{times:>8}  {what}")
    print(f"{total.cases} cases, {len(total.problems)} without a usable verdict, {len(total.deaths)} deaths")
    raise SystemExit(1 if total.problems else 0)


if __name__ == "__main__":
    main()
