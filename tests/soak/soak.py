"""Producers, daemons, a Dropbox, and everything that goes wrong, for as long as asked; then the books.

    python tests/soak/soak.py --for 1h --seed 7

Two hosts with one account: the first one's daemon is killed all the time, the second one's lives from the first
second to the last, so that what grows in it shows. Exits with 1 when anything is lost, wrong or left over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))

import verdict
from books import HostBooks
from chaos import reign
from shell_writers import ShellWriter
from training_host import TrainingHost
from troubled_dropbox import TroubledDropbox
from troubled_hosts import TroubledHosts, configure, other_spool, refused_runs

from huracan_spool.emulator import Emulator, EmulatorOptions
from huracan_spool.settings.quantities import duration
from support.programs import environ
from support.site import Site

TRAINER = Path(__file__).with_name("trainer.py")
PATIENCE = 120.0  # seconds without any progress when nothing goes wrong any more
MOST_TOLD = 60  # problems: a host that has not got through makes thousands of them
_LOOK = 1.0


@dataclass
class Soak:
    """`runs_per_second` over all producers; `pause` seconds between two things that go wrong in each place."""

    home: Path
    emulator: Emulator
    seconds: float
    seed: int
    runs_per_second: float = 1.0
    pause: float = 3.0
    done: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _producing_is_over: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        sites = [_site(self.home / name, self.emulator) for name in ("mortal", "lasting")]
        self.hosts = [TrainingHost(site) for site in sites]
        self.books = [
            HostBooks(host.site, ShellWriter(host.site, random.Random(self.seed * 100 + number), host.shared))
            for number, host in enumerate(self.hosts)
        ]
        rng = random.Random(self.seed)
        self.on_hosts = TroubledHosts(self.emulator, self.hosts, self.hosts[0], random.Random(rng.random()))
        self.on_dropbox = TroubledDropbox(self.emulator, random.Random(rng.random()), self.on_hosts.tell, self.done)
        for host in self.hosts:
            configure(host, self.emulator)
            other_spool(host).mkdir(mode=0o770)

    async def run(self) -> list[str]:
        """What is wrong at the end."""
        async with asyncio.TaskGroup() as life:
            daemons = [life.create_task(host.live(self._over)) for host in self.hosts]
            await self._produce_for_a_while()
            await self._settle()
            self._over.set()
            for host in self.hosts:
                await host.stop()
            await asyncio.wait(daemons)
        self.problems += await self.judge()
        return self.problems

    async def judge(self) -> list[str]:
        return await verdict.problems(self.emulator, self.hosts, self.books)

    async def _produce_for_a_while(self) -> None:
        each = self.runs_per_second / (2 * len(self.hosts))
        async with asyncio.TaskGroup() as work:
            for number, books in enumerate(self.books):
                work.create_task(self._train(books, self.seed * 100 + 50 + number, each))
                work.create_task(books.shell.write(each, self._producing_is_over))
            for trouble in (self.on_hosts, self.on_dropbox):
                work.create_task(reign(trouble.acts, trouble.rng, self.pause, self._producing_is_over, self.done))
            await asyncio.sleep(self.seconds)
            self._producing_is_over.set()
        self.on_dropbox.calm()
        self.on_hosts.calm()

    async def _train(self, books: HostBooks, seed: int, per_second: float) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(TRAINER), str(books.site.spool), str(seed), str(per_second)),
            env=environ(POLARS_MAX_THREADS="1"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        closing = asyncio.create_task(self._close(process.stdin))
        books.trainings += [json.loads(line) async for line in process.stdout]
        if code := await process.wait():
            self.problems.append(f"a training process ended with {code}")
        closing.cancel()

    async def _close(self, stdin: asyncio.StreamWriter) -> None:
        await self._producing_is_over.wait()
        stdin.close()

    async def _settle(self) -> None:
        """Nothing goes wrong any more, and an operator has tried again what was refused. However much there is, as
        long as it gets less.
        """
        least, end = sum(map(_unsettled, self.hosts)), time.monotonic() + PATIENCE
        while time.monotonic() < end:
            await self.on_hosts.operate()
            left = sum(map(_unsettled, self.hosts))
            if not left and all(host.is_up for host in self.hosts):
                return
            if left < least:
                least, end = left, time.monotonic() + PATIENCE
            await asyncio.sleep(_LOOK)

    def table(self) -> list[tuple[str, str]]:
        done = [(what, str(times)) for what, times in sorted(self.done.items())]
        return [*verdict.table(self.emulator, self.hosts, self.books), *done]


def _unsettled(host: TrainingHost) -> int:
    waiting = [name for name in host.site.in_spool() if name.endswith(".manifest.json")]
    return len(waiting) + len(refused_runs(host))


def _site(home: Path, emulator: Emulator) -> Site:
    site = Site(home)
    site.connect(emulator)
    site.settings |= {
        "spool.settle": "3s",
        "spool.rescan_interval": "5s",
        "retry.call_first": "0.1s",
        "retry.call_max": "2s",
        "retry.run_first": "1s",
        "retry.run_max": "15s",
        "upload.calls_per_second": "50",
        "upload.chunk_size": "4MiB",
        "upload.drain_timeout": "2s",
    }
    site.spool.mkdir(mode=0o770)
    return site


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--for", dest="time", type=duration, default=60.0, metavar="TIME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs-per-second", type=float, default=Soak.runs_per_second)
    parser.add_argument("--pause", type=float, default=Soak.pause, help="seconds between two things that go wrong")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it as it is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.keep or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        # Small pages, so that a day's folder has several.
        async with Emulator(EmulatorOptions(http=None, root=home / "dropbox", page_entries=50)) as emulator:
            soak = Soak(home, emulator, options.time, options.seed, options.runs_per_second, options.pause)
            await soak.run()
            for name, value in soak.table():
                print(f"{name:36} {value}")
    print(f"{'seconds, of CPU':36} {time.monotonic() - began:.0f}, {sum(os.times()[:4]):.0f}")
    for problem in soak.problems[:MOST_TOLD]:
        print(f"PROBLEM {problem}")
    print(f"seed {options.seed}: {len(soak.problems)} problems")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
