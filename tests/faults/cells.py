"""One cell of the matrix: a scenario in which one call is spoiled, once or for a while, and its verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios import Scenario, extra_files

from huracan_spool.emulator import Emulator, EmulatorOptions
from huracan_spool.emulator.faults import ActiveFault
from support.hosts import Host, host, until
from support.runs import Run
from support.spoilings import Spoiling
from support.trees import expected, records, remote, without_records
from support.virtual_time import now

EPOCH = 1_772_000_000.0
OUTAGE = 300.0  # seconds that a lasting trouble lasts
PASSES = 7200.0
# A run that waits 5 s, 10 s and so on begins about six times in five minutes, and one that waits for the store
# nine times, each time with what leads up to the calls that fail. A refusal that nobody knows is tried six times
# for each of the four that a large run makes side by side.
CALLS_OF_A_RUN = 150
LINES_OF_A_RUN = 6
_REACHED = 900.0


@dataclass(frozen=True)
class Cell:
    """The `call`-th call of `route` in the scenario, and those after it when the trouble is `lasting`."""

    scenario: Scenario
    route: str
    call: int
    spoiling: Spoiling
    lasting: bool

    def __str__(self) -> str:
        how = "from" if self.lasting else "at"
        return f"{self.scenario.name}: {self.spoiling.of}, {self.spoiling.name} {how} {self.route} {self.call}"


@dataclass
class Verdict:
    cell: Cell
    problems: list[str] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    failed: int = 0
    calls_during: int = 0
    lines_during: int = 0
    met: bool = False


def emulator_in(folder: Path) -> Emulator:
    return Emulator(EmulatorOptions(https=None, root=folder, clock=lambda: EPOCH + now()))


async def judge(cell: Cell, folder: Path) -> Verdict:
    folder.mkdir(parents=True)  # noqa: ASYNC240 - at once
    verdict = Verdict(cell)
    async with emulator_in(folder / "dropbox") as emulator:
        cell.scenario.prepare(emulator)
        active = emulator.faults.add(cell.spoiling.fault(cell.route, cell.call, None if cell.lasting else 1))
        async with host(folder / "host", emulator) as daemon:
            playing = asyncio.create_task(cell.scenario.play(daemon))
            if cell.lasting:
                await _sit_out(verdict, daemon, emulator, active)
            await playing
            settled = await daemon.quiet(PASSES)
        verdict.met, verdict.log = active.hits > 0, daemon.log
        if not settled:
            verdict.problems.append(f"still in the spool: {sorted(daemon.site.in_spool())}")
        verdict.problems += _wrongs(verdict, daemon, emulator)
    return verdict


async def _sit_out(verdict: Verdict, daemon: Host, emulator: Emulator, active: ActiveFault) -> None:
    """Let the trouble last for a while and count what the daemon does meanwhile."""
    if await until(lambda: active.hits, _REACHED):
        calls, lines = len(emulator.calls), len(daemon.log)
        await asyncio.sleep(OUTAGE)
        verdict.calls_during = len(emulator.calls) - calls
        verdict.lines_during = len(daemon.log) - lines
        verdict.problems += _unseemly(verdict, daemon)
    with suppress(KeyError):
        emulator.faults.remove(active.number)
    daemon.service.rescan_now()  # as an operator asks for; that it goes on by itself is shown elsewhere


def _unseemly(verdict: Verdict, daemon: Host) -> Iterator[str]:
    runs = len(verdict.cell.scenario.runs)
    if verdict.calls_during > CALLS_OF_A_RUN * runs:
        yield f"{verdict.calls_during} calls in {OUTAGE:.0f} s"
    if verdict.lines_during > LINES_OF_A_RUN * runs:
        yield f"{verdict.lines_during} log lines in {OUTAGE:.0f} s"
    standing = daemon.service.standing()
    if not standing.pending:
        return
    # A run may be in the middle of its next attempt; the line about the last one is what counts.
    if not daemon.lines("run_waits", "uploads_paused", "dropbox_asks_to_wait", "dropbox_takes_long"):
        yield f"runs wait and no line says why: {standing}"


def _wrongs(verdict: Verdict, daemon: Host, emulator: Emulator) -> Iterator[str]:
    scenario = verdict.cell.scenario
    yield from (f"a defect: {line}" for line in daemon.lines("internal_error"))
    yield from (
        f"{write.op} of {write.path}"
        for write in emulator.writes
        if write.op in {"overwrite", "delete"} and write.route != "put"
    )
    uploaded: list[Run] = []
    for run in scenario.runs:
        try:
            receipt = daemon.receipt(run.name)
        except FileNotFoundError:
            yield f"{run.name} has no receipt"
            continue
        if receipt["status"] == "uploaded":
            uploaded.append(run)
        elif verdict.cell.spoiling.may_refuse and receipt["code"] == "refused_by_store":
            verdict.failed += 1
        else:
            yield f"{run.name} failed: {receipt['code']}: {receipt['reason']}"
    yield from _misplaced(scenario, uploaded, emulator, all_there=len(uploaded) == len(scenario.runs))


def _misplaced(
    scenario: Scenario, uploaded: Sequence[Run], emulator: Emulator, *, all_there: bool
) -> Iterator[str]:
    """Everything of the uploaded runs must be there; and nothing else, unless a run was refused half-way."""
    try:
        digests = records(emulator)
    except AssertionError as error:
        yield str(error)
        return
    if missing := {run.name for run in uploaded} - digests.keys():
        yield f"no record of {missing}"
        return
    extra, taken = extra_files(scenario, digests)
    usual = {path: sha for path, sha in expected(uploaded, digests).items() if path not in taken}
    wanted, found = usual | extra, without_records(remote(emulator))
    if all_there and found != wanted:
        yield f"too much: {found.items() - wanted.items()}, missing: {wanted.items() - found.items()}"
    elif not all_there and all(run.name in digests for run in scenario.runs):
        return  # a refused run's files hold places that depend on when it was refused
    elif not all_there and not wanted.keys() <= found.keys():
        yield f"missing: {wanted.keys() - found.keys()}"
