"""All cells, or a part of them: `matrix.py [--only TEXT] [--sample N] [--from N] [--processes N]`.

Which calls there are is found by playing each scenario without faults. Prints what went wrong, and the number of
cells for each route and class of fault.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cells import Cell, Verdict, emulator_in, judge
from scenarios import SCENARIOS, Scenario

from support.hosts import host
from support.logbook import logs_apart
from support.spoilings import spoilings
from support.virtual_time import in_virtual_time

PART = 32


async def _calls_of(scenario: Scenario, folder: Path) -> Counter[str]:
    folder.mkdir()  # noqa: ASYNC240 - at once
    async with emulator_in(folder / "dropbox") as emulator:
        scenario.prepare(emulator)
        async with host(folder / "host", emulator) as daemon:
            await scenario.play(daemon)
            if not await daemon.quiet(600):
                raise AssertionError(f"{scenario.name} does not even go well without faults: {daemon.log}")
        return Counter(call.route for call in emulator.calls)


def reference_calls() -> dict[str, Counter[str]]:
    """Scenario to how often it makes which call."""
    with tempfile.TemporaryDirectory() as folder, logs_apart():
        return {
            scenario.name: in_virtual_time(_calls_of(scenario, Path(folder) / str(index)))
            for index, scenario in enumerate(SCENARIOS)
        }


def all_cells(calls: dict[str, Counter[str]]) -> Iterator[Cell]:
    """A lasting trouble begins at the first call or at the last; a single one comes at any call."""
    for scenario in SCENARIOS:
        for route, count in sorted(calls[scenario.name].items()):
            for spoiling in spoilings(route):
                for call in range(1, count + 1):
                    yield Cell(scenario, route, call, spoiling, lasting=False)
                for call in sorted({1, count}):
                    yield Cell(scenario, route, call, spoiling, lasting=True)


def covering(cells: Sequence[Cell]) -> list[Cell]:
    """A single trouble of each class for each route, and a lasting one of each class for one route or another."""
    pairs: dict[tuple[str, str], Cell] = {}
    lasting: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        if cell.call == 1:
            chosen = lasting if cell.lasting else pairs
            chosen.setdefault((cell.route, cell.spoiling.of), cell)
    by_class: dict[str, list[Cell]] = {}
    for (_, of), cell in lasting.items():
        by_class.setdefault(of, []).append(cell)
    turns = [found[number % len(found)] for number, found in enumerate(by_class.values())]
    return [*pairs.values(), *turns]


def verdicts(cells: Sequence[Cell]) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder, logs_apart():
        return [in_virtual_time(judge(cell, Path(folder) / str(number))) for number, cell in enumerate(cells)]


def _tell(verdict: Verdict) -> None:
    print(verdict.cell)
    for problem in verdict.problems:
        print(f"    {problem[:2000]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cells whose text has this")
    parser.add_argument("--sample", type=int, help="so many cells, drawn with a fixed seed")
    parser.add_argument(
        "--from", type=int, default=0, dest="first", help="leave out so many, which went well before"
    )
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    cells = [cell for cell in all_cells(reference_calls()) if options.only in str(cell)]
    if options.sample is not None:
        cells = random.Random(1).sample(cells, min(options.sample, len(cells)))
    cells = cells[options.first :]
    parts = [cells[at : at + PART] for at in range(0, len(cells), PART)]
    began, done, bad, failed, calls = time.monotonic(), 0, 0, 0, 0
    by_class: Counter[tuple[str, str]] = Counter()
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for part in pool.map(verdicts, parts):
            for verdict in part:
                by_class[verdict.cell.route, verdict.cell.spoiling.of] += 1
                failed, calls = failed + verdict.failed, max(calls, verdict.calls_during)
                if verdict.problems:
                    bad += 1
                    _tell(verdict)
            done += len(part)
            print(f"{done} of {len(cells)} cells, {bad} bad, {time.monotonic() - began:.0f} s", flush=True)
    for (route, of), count in sorted(by_class.items()):
        print(f"{count:6d}  {route}  {of}")
    print(f"{len(cells)} cells, {bad} bad, {failed} runs refused, at most {calls} calls in a trouble")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
