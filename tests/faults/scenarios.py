"""The reference scenarios: between them the daemon makes every kind of call that it ever makes."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from huracan_spool.emulator import Emulator, Fault
from support.hosts import Host
from support.runs import Run, make_run, only

FINISH = "files/upload_session/finish_batch_v2"
_SETTLES = 120.0
_LARGE = 9 * 1024 * 1024  # three pieces
_MEDIUM = 4 * 1024 * 1024 + 1  # a call of its own
_WORTH_COPYING = 300 * 1024


@dataclass(frozen=True)
class Scenario:
    """`groups` of runs are handed over one after the other, each when the one before has settled.

    `others` is what somebody else had in the account before; `also` what the runs leave there besides.
    """

    name: str
    groups: Callable[[], tuple[tuple[Run, ...], ...]]
    others: Callable[[], Mapping[str, bytes]] = dict
    faults: tuple[Fault, ...] = ()

    @property
    def runs(self) -> list[Run]:
        return [run for group in self.groups() for run in group]

    def prepare(self, emulator: Emulator) -> None:
        for path, data in self.others().items():
            emulator.put(path, data)
        for fault in self.faults:
            emulator.faults.add(fault)

    async def play(self, host: Host) -> None:
        for group in self.groups():
            for run in group:
                hand_over(run, host.site.spool)
            await host.quiet(_SETTLES)


def hand_over(run: Run, spool: Path) -> None:
    """As producers do, the manifest in one step and last, but without their fsyncs."""
    for kind, data in run.contents.items():
        (spool / run.file(kind)).write_bytes(data)
    aside = spool.parent / run.manifest_file
    aside.write_text(json.dumps(run.manifest()))
    os.rename(aside, spool / run.manifest_file)


@cache
def _run(seed: int, symbol: str = "SOL/USDT") -> Run:
    return make_run(seed, symbol=symbol)


@cache
def _first() -> tuple[tuple[Run, ...], ...]:
    return ((_run(0),),)


@cache
def _large() -> tuple[tuple[Run, ...], ...]:
    run, rng = _run(0), random.Random(7)
    big = {"model": rng.randbytes(_LARGE), "trades": rng.randbytes(_MEDIUM)}
    return ((replace(only(run, "metrics"), contents={"metrics": run.contents["metrics"], **big}),),)


@cache
def _one_day() -> tuple[tuple[Run, ...], ...]:
    """The older one comes late, then the latest of all."""
    return (_run(1),), (_run(0),), (_run(2),)


@cache
def _many() -> tuple[tuple[Run, ...], ...]:
    rng = random.Random(8)
    runs = [_run(index, f"S{index}/USDT") for index in range(4)]
    return (
        tuple(replace(run, contents={**run.contents, "candles": rng.randbytes(_WORTH_COPYING)}) for run in runs),
        (_run(5, "S0/USDT"), _run(6, "S1/USDT")),
    )


@cache
def _taken() -> Mapping[str, bytes]:
    return {_shared(_run(0)): b"another run's candles, of the same second"}


def _shared(run: Run) -> str:
    prefix = run.symbol.replace("/", "_")
    name = f"{prefix}_{run.trained_at:%Y%m%d_%H%M%S}_candles.parquet"
    return f"/Huracan/data/candles/{run.symbol.replace('/', '-')}/{name}"


def _full_for_a_moment() -> Fault:
    full = {".tag": "path", "path": {".tag": "insufficient_space"}}
    return Fault(route=FINISH, kind="entries", entries={0: full})


SCENARIOS = (
    Scenario("first run of a day", _first),
    Scenario("large and medium files", _large),
    Scenario("late and latest run of a day", _one_day),
    Scenario("many at once", _many),
    Scenario("shared candles taken", _first, _taken),
    Scenario("full for a moment", _first, faults=(_full_for_a_moment(),)),
)


def extra_files(scenario: Scenario, digests: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """What the account holds besides the usual tree, and what of the usual tree it does not hold."""
    extra = {path: hashlib.sha256(data).hexdigest() for path, data in scenario.others().items()}
    for run in scenario.runs:
        if _shared(run) in extra and run.name in digests:
            aside = _shared(run).replace("_candles.parquet", f"_candles-{digests[run.name][:8]}.parquet")
            extra[aside] = hashlib.sha256(run.contents["candles"]).hexdigest()
    return extra, set(scenario.others())
