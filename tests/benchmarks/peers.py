"""The daemon beside rclone and the official SDK, each against a fresh emulator that is equally far away.

    python tests/benchmarks/peers.py [--work W1,W2,W3,W4] [--peers ours,rclone,sdk] [--profile link] [--quick]

Prints a table for each workload. `seconds` runs from the client's start (a backlog) or the hand-over (one run to
an idle daemon) until every file is visible; the other figures cover all that the client does. CPU and memory are
those of the client's processes alone; memory is the sum of their peaks. `overlaps` are calls that found the write
lock taken. The first floor is the larger of line and lock plus one data call and one commit; the second knows
that the last commit follows the last byte.

rclone is led to the emulator by a CONNECT proxy, a process of its own that is not counted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clients import Client, Took, chosen
from floor import floor_seconds, ordered_floor_seconds
from processes import emulator
from workload import WORKLOADS, Prepared, Workload, prepare

from huracan_spool.emulator import WanProfile, parse_profile

COLUMNS = ("client", "seconds", "CPU s", "s/GB", "peak MiB", "calls", "commits", "MB sent", "429s", "overlaps")


@dataclass(frozen=True)
class Row:
    client: str
    took: Took
    totals: dict[str, int]

    def cells(self, limit: float) -> tuple[str, ...]:
        took, totals = self.took, self.totals
        gigabytes = max(totals["received"] / 1e9, 1e-9)
        return (
            self.client,
            f"> {limit:.0f}" if took.seconds is None else f"{took.seconds:.2f}",
            f"{took.used.cpu_seconds:.2f}",
            f"{took.used.cpu_seconds / gigabytes:.1f}",
            f"{took.used.peak_mib:.0f}",
            *(str(totals[name]) for name in ("calls", "commits")),
            f"{totals['received'] / 1e6:.1f}",
            *(str(totals[name]) for name in ("refused", "overlaps")),
        )


def main() -> None:
    options = parsed()
    for name in options.work:
        work = WORKLOADS[name].quick() if options.quick else WORKLOADS[name]
        home = Path(tempfile.mkdtemp(prefix="huracan-spool-bench-", dir=options.home))
        try:
            compare(prepare(work, home), home, options)
        finally:
            shutil.rmtree(home)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=names_of_work, default=list(WORKLOADS), metavar="W1,W2,...")
    parser.add_argument(
        "--peers", type=lambda text: chosen(text.split(",")), default=chosen(["ours", "rclone", "sdk"])
    )
    parser.add_argument("--profile", default="link", metavar="NAME[,FIGURE=VALUE]...")
    parser.add_argument("--quick", action="store_true", help="fewer runs, a smaller model")
    parser.add_argument("--repeat", type=int, default=1, help="take the median of so many, by seconds")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds after which a client has lost")
    parser.add_argument("--home", type=Path, help="where the bytes lie meanwhile, 8 GB for all of W3")
    options = parser.parse_args()
    options.wan = parse_profile(options.profile)
    return options


def names_of_work(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= set(WORKLOADS):
        raise ValueError(text)
    return names


def compare(prepared: Prepared, home: Path, options: argparse.Namespace) -> None:
    print_head(prepared.work, prepared, options.wan, options.profile)
    rows = []
    for client in options.peers:
        row = median_of([measure(client, prepared, home, options) for _ in range(options.repeat)])
        rows.append(row)
        print_cells(row.cells(options.limit))
    print_ratios(rows, floor_seconds(options.wan, prepared), ordered_floor_seconds(options.wan, prepared))


def measure(client: Client, prepared: Prepared, home: Path, options: argparse.Namespace) -> Row:
    own = home / client.name
    own.mkdir()
    try:
        with emulator(own / "dropbox", options.profile) as address:
            took = client.run(prepared, address, own, options.limit)
            return Row(client.name, took, address.get("totals"))
    except (RuntimeError, TimeoutError):
        with suppress(OSError):
            print((own / "log").read_text()[-2000:])
        raise
    finally:
        shutil.rmtree(own)


def median_of(rows: Sequence[Row]) -> Row:
    finished = [row for row in rows if row.took.seconds is not None]
    if not finished:
        return rows[0]
    middle = statistics.median_low(row.took.seconds for row in finished)
    return next(row for row in finished if row.took.seconds == middle)


def print_head(work: Workload, prepared: Prepared, profile: WanProfile, spelled: str) -> None:
    megabytes = sum(prepared.sizes.values()) / 1e6
    print(f"\n{work.name}: {work.says}, {work.runs} runs, {len(prepared.sizes)} files, {megabytes:.1f} MB")
    floors = floor_seconds(profile, prepared), ordered_floor_seconds(profile, prepared)
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(f"profile {spelled}: floor {floors[0]:.2f} s, in order {floors[1]:.2f} s; load at the start {load}")
    print_cells(COLUMNS)


def print_cells(cells: Sequence[str]) -> None:
    print(cells[0].ljust(18), *(cell.rjust(9) for cell in cells[1:]), flush=True)


def print_ratios(rows: Sequence[Row], floor: float, ordered: float) -> None:
    seconds = {row.client: row.took.seconds for row in rows}
    ours = seconds.pop("ours", None)
    finished = {name: value for name, value in seconds.items() if value is not None and "ours" not in name}
    if ours is None:
        return
    print(f"ours: {ours / floor:.2f} x the floor, {ours / ordered:.2f} x the floor in order", end="")
    best = min(finished, key=lambda name: finished[name], default=None)
    print(f", {ours / finished[best]:.2f} x {best}" if best else "", flush=True)


if __name__ == "__main__":
    main()
