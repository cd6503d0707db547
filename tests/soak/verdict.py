"""What is wrong when all is over, and the figures."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from datetime import datetime
from statistics import median

from books import HostBooks, store_problems
from processes import alive
from training_host import TrainingHost

from huracan_spool.emulator import Emulator

MOST_LINES_OF_A_RUN = 20
LINES_OF_A_LIFE = 12  # begin, end, what was found and what was interrupted
MOST_GROWTH = 40.0  # MiB of a daemon's memory, from when it is warm
MOST_MORE_FDS = 12
LONG_LIFE = 30  # measurements in which a growth can be told from work under way
_ENDS = 20.0  # seconds that what descends from a daemon may outlive it
_NOTHING_SECRET = (".pt", ".parquet")  # bytes at random


async def problems(emulator: Emulator, hosts: Sequence[TrainingHost], books: Sequence[HostBooks]) -> list[str]:
    found = [f"{each.site.home.name}: {problem}" for each in books for problem in each.problems()]
    found += store_problems(emulator, books)
    runs = sum(len(each.submitted()) + len(each.shell.bad) for each in books)
    for host in hosts:
        found += [f"{host.name}: {problem}" for problem in _of_host(host, runs)]
        found += [f"{host.name}: outlives its daemon: {process}" for process in await alive(host.family, _ENDS)]
        found += [f"{host.name}: a secret in {place}" for place in _secrets(host, emulator)]
    return found


def _of_host(host: TrainingHost, runs: int) -> Iterator[str]:
    yield from host.unexpected
    yield from (f"ended with {code}" for code in host.exits if code not in {0, -signal.SIGKILL})
    lines = sum(host.events.values()) - LINES_OF_A_LIFE * len(host.lives)
    if lines > MOST_LINES_OF_A_RUN * runs:
        yield f"{lines} log lines for {runs} runs"
    for life in (life for life in host.lives if len(life.rss) >= LONG_LIFE):
        early, late = early_and_late(life.rss)
        if late - early > MOST_GROWTH:
            yield f"memory grew from {early:.0f} to {late:.0f} MiB"
        early, late = early_and_late(life.fds)
        if late - early > MOST_MORE_FDS:
            yield f"open descriptors grew from {early:.0f} to {late:.0f}"


def early_and_late(values: Sequence[float]) -> tuple[float, float]:
    """The least in the second tenth of a life, when it is warm, and in the last: what it has when it is idle."""
    tenth = max(len(values) // 10, 1)
    return min(values[tenth : 2 * tenth] or values or [0]), min(values[-tenth:] or [0])


def _secrets(host: TrainingHost, emulator: Emulator) -> Iterator[str]:
    """In all that is written on a host but in the configuration; access tokens begin alike."""
    secrets = (emulator.refresh_token.encode(), emulator.app_key.encode(), b"sl.u.")
    for path in host.site.home.rglob("*"):
        if path.is_file() and path != host.site.config and path.suffix not in _NOTHING_SECRET:
            data = path.read_bytes()
            if any(secret in data for secret in secrets):
                yield str(path.relative_to(host.site.home))


def table(
    emulator: Emulator, hosts: Sequence[TrainingHost], books: Sequence[HostBooks]
) -> Iterator[tuple[str, str]]:
    names = [runs for each in books for runs in each.submitted().values()]
    yield "runs, good", str(len(names))
    yield "runs, different", str(len({digest for runs in names for digest in runs}))
    yield "runs, the same again", str(sum(each.shell.again for each in books))
    yield "runs, bad", str(sum(len(each.shell.bad) for each in books))
    tree = emulator.tree()
    yield "files in the store, put aside", f"{len(tree)}, {sum('/superseded/unknown-' in path for path in tree)}"
    yield "calls, spoiled", f"{len(emulator.calls)}, {sum(bool(call.faults) for call in emulator.calls)}"
    yield "MiB sent", f"{sum(call.received for call in emulator.calls) / 2**20:.0f}"
    waits = sorted(wait for each in books for wait in _waits(each)) or [0.0]
    yield "seconds to settle a run: half, most", f"{median(waits):.0f}, {waits[-1]:.0f}"
    for host in hosts:
        yield f"{host.name}: lives, exits", f"{len(host.lives)}, {dict(host.exits)}"
        yield f"{host.name}: signals", str(dict(host.signals))
        yield f"{host.name}: log lines", f"{sum(host.events.values())}, {dict(host.events.most_common(8))}"
    longest = max((life for host in hosts for life in host.lives), key=lambda life: len(life.rss))
    measured: dict[str, Sequence[float]] = {"RSS MiB": longest.rss, "open descriptors": longest.fds}
    for what, values in measured.items():
        early, late = early_and_late(values)
        yield f"{what}: early, late, most", f"{early:.0f}, {late:.0f}, {max(values or [0]):.0f}"


def _waits(books: HostBooks) -> Iterator[float]:
    """From the manifest's last change to the receipt."""
    for name in books.site.receipts():
        receipt = books.site.receipt(name)
        if receipt["manifest"] is not None:
            settled = datetime.fromisoformat(receipt["settled_at"]).timestamp()
            yield max(0.0, settled - receipt["manifest"]["mtime_ns"] / 1e9)
