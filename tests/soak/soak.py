"""Producers, daemons, a Dropbox, and everything that goes wrong, for as long as asked; then the books.

    python tests/soak/soak.py --for 1h --seed 7

Two hosts with one account: the first one's daemon is killed all the time, the second one's lives from the first
second to the last, so that what grows in it shows. Exits with 1 when anything is lost, wrong or left over.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))

from books import HostBooks, left_alive, parse, store_problems
from chaos import Chaos
from shell_writers import ShellWriter
from training_host import TrainingHost

from huracan_spool.emulator import Emulator, EmulatorOptions
from huracan_spool.settings.quantities import duration
from huracan_spool.spool.failed import failed_runs
from support.site import Site

TRAINER = Path(__file__).with_name("trainer.py")
PATIENCE = 600.0  # seconds for what is left when nothing goes wrong any more
MOST_LINES_OF_A_RUN = 20
MOST_GROWTH = 60.0  # MiB of a daemon's memory, from when it is warm
MOST_MORE_FDS = 60


@dataclass
class Soak:
    """`runs_per_second` over all producers; `pause` seconds between two things that go wrong."""

    home: Path
    seconds: float
    seed: int
    runs_per_second: float = 0.4
    pause: float = 4.0
    producing: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    problems: list[str] = field(default_factory=list)

    async def run(self) -> list[tuple[str, str]]:
        """The table; what is wrong is in `problems`."""
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            options = EmulatorOptions(http=None, root=self.home / "dropbox")
            self.emulator = await stack.enter_async_context(Emulator(options))
            self.hosts = [TrainingHost(_site(self.home / name, self.emulator)) for name in ("mortal", "lasting")]
            self.books = [self._books(host, number) for number, host in enumerate(self.hosts)]
            self.chaos = Chaos(self.emulator, self.hosts, self.hosts[0], random.Random(self.seed))
            async with asyncio.TaskGroup() as life:
                daemons = [life.create_task(host.live(self.over)) for host in self.hosts]
                await self._produce_for_a_while()
                await self._settle()
                self.over.set()
                for host in self.hosts:
                    await host.stop()
                await asyncio.wait(daemons)
            self._judge()
            return list(self._table(time.monotonic() - began))

    def _books(self, host: TrainingHost, number: int) -> HostBooks:
        shell = ShellWriter(host.site.spool, random.Random(self.seed * 100 + number))
        return HostBooks(host.site, shell)

    async def _produce_for_a_while(self) -> None:
        each = self.runs_per_second / (2 * len(self.hosts))
        async with asyncio.TaskGroup() as work:
            for number, books in enumerate(self.books):
                work.create_task(self._train(books, self.seed * 100 + 50 + number, each))
                work.create_task(books.shell.write(each, self.producing))
            reigning = work.create_task(self.chaos.reign(self.pause, self.producing))
            await asyncio.sleep(self.seconds)
            self.producing.set()
            await reigning

    async def _train(self, books: HostBooks, seed: int, per_second: float) -> None:
        environ = os.environ | {"PYTHONPATH": str(TRAINER.parents[1]), "POLARS_MAX_THREADS": "1"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(TRAINER), str(books.site.spool), str(seed), str(per_second)),
            env=environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        closing = asyncio.create_task(self._close(process.stdin))
        lines = [line.decode() async for line in process.stdout]
        await closing
        books.trainings += parse(lines)
        assert await process.wait() == 0

    async def _close(self, stdin: asyncio.StreamWriter) -> None:
        await self.producing.wait()
        stdin.close()

    async def _settle(self) -> None:
        """Nothing goes wrong any more, and an operator tries again what was refused."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            await self.chaos.operate()
            if not any(self._unsettled(host) for host in self.hosts):
                return
            await asyncio.sleep(1.0)

    def _unsettled(self, host: TrainingHost) -> bool:
        waiting = [name for name in host.site.in_spool() if name.endswith(".manifest.json")]
        refused = [run for run in failed_runs(host.site.spool) if run.code == "refused_by_store"]
        return bool(waiting or refused)

    # -- the end

    def _judge(self) -> None:
        for books in self.books:
            self.problems += [f"{books.site.home.name}: {problem}" for problem in books.problems()]
        self.problems += store_problems(self.emulator, self.books)
        self.problems += left_alive(self.home)
        runs = sum(len(books.submitted()) for books in self.books) + 20
        for host in self.hosts:
            self.problems += [f"{host.site.home.name}: {text}" for text in host.unexpected]
            codes = {code for code in host.exits if code not in {0, -signal.SIGKILL}}
            self.problems += [f"{host.site.home.name}: ended with {code}" for code in codes]
            lines = sum(host.events.values()) - 8 * sum(host.exits.values())
            if lines > MOST_LINES_OF_A_RUN * runs:
                self.problems.append(f"{host.site.home.name}: {lines} log lines")
        lasting = self.hosts[1].lives[-1]
        warm = len(lasting.rss) // 10
        if lasting.rss and max(lasting.rss) - lasting.rss[warm] > MOST_GROWTH:
            self.problems.append(f"memory grew: {lasting.rss[warm]:.0f} to {max(lasting.rss):.0f} MiB")
        if lasting.fds and lasting.fds[-1] - lasting.fds[warm] > MOST_MORE_FDS:
            self.problems.append(f"descriptors grew: {lasting.fds[warm]} to {lasting.fds[-1]}")

    def _table(self, took: float) -> Iterator[tuple[str, str]]:
        yield "seed", str(self.seed)
        cpu = os.times()
        yield "seconds, of CPU", f"{took:.0f}, {sum(cpu[:4]):.0f}"
        submitted = sum(len(digests) for books in self.books for digests in books.submitted().values())
        yield "runs, good", str(submitted)
        yield "runs, the same again", str(sum(books.shell.again for books in self.books))
        yield "runs, bad", str(sum(len(books.shell.bad) for books in self.books))
        yield "files in the store", str(len(self.emulator.tree()))
        yield "put aside as unknown", str(sum("/superseded/unknown-" in path for path in self.emulator.tree()))
        yield "calls", str(len(self.emulator.calls))
        yield "calls spoiled", str(sum(bool(call.faults) for call in self.emulator.calls))
        for what, times in sorted(self.chaos.done.items()):
            yield what, str(times)
        for host in self.hosts:
            name = host.site.home.name
            yield f"{name}: lives, exits", f"{len(host.lives)}, {dict(host.exits)}"
            yield f"{name}: signals", str(dict(host.signals))
            yield f"{name}: log lines", f"{sum(host.events.values())} {dict(host.events.most_common(8))}"
            rss = [value for life in host.lives for value in life.rss] or [0.0]
            fds = [value for life in host.lives for value in life.fds] or [0]
            yield f"{name}: RSS MiB first, most, last", f"{rss[0]:.0f}, {max(rss):.0f}, {rss[-1]:.0f}"
            yield f"{name}: descriptors first, most, last", f"{fds[0]}, {max(fds)}, {fds[-1]}"


def _site(home: Path, emulator: Emulator) -> Site:
    site = Site(home)
    site.connect(emulator)
    site.config.write_text(
        f"dropbox:\n  refresh_token: {emulator.refresh_token}\n  app_key: {emulator.app_key}\n", encoding="utf-8"
    )
    site.settings |= {
        "spool.settle": "3s",
        "spool.rescan_interval": "5s",
        "retry.call_first": "0.1s",
        "retry.call_max": "2s",
        "retry.run_first": "1s",
        "retry.run_max": "15s",
        "upload.calls_per_second": "50",
        "upload.drain_timeout": "2s",
    }
    site.spool.mkdir(mode=0o770)
    return site


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--for", dest="time", type=duration, default=60.0, metavar="TIME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs-per-second", type=float, default=0.4)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between two things that go wrong")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it as it is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.keep or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        soak = Soak(home, options.time, options.seed, options.runs_per_second, options.pause)
        for name, value in await soak.run():
            print(f"{name:36} {value}")
    for problem in soak.problems:
        print(f"PROBLEM {problem}")
    print(f"{len(soak.problems)} problems")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
