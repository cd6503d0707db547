"""Explore every interleaving of hosts that reconcile one day's folder, and judge every state.

    python tests/model/explore.py --hosts 2 --faults 4
    python tests/model/explore.py --hosts 3 --faults 1 --only "same features" --ways

`--faults` is the number of misfortunes in the whole story, at whatever moments: each host can crash once and
lose one reply. `--restart-looks` explores a host that knows, after a crash, that it had begun: it looks before
it commits again. In the table, `ends` are the different folders that everybody's being done can leave,
`alone` is the most steps that one host takes to its end while the others stand still, and `together` the most
that all take to theirs, whoever is slow; both from any state on, when nothing more goes wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

from model_graph import Graph, budgets
from model_hosts import Phase, Protocol
from model_scenarios import LATE, THREE_HOSTS, TWO_HOSTS, Scenario
from model_verdict import Verdict, judge
from model_world import World

_ROW = "{:44} {:>9} {:>5} {:>5} {:>8} {:>7}  {}"
_HEAD = ("scenario", "states", "ends", "alone", "together", "seconds", "verdict")


OURS = Protocol()


def explore(scenario: Scenario, faults: int, protocol: Protocol = OURS) -> tuple[Graph, Verdict]:
    world = World(scenario, protocol)
    graph = Graph(world, budgets(len(scenario.runs), faults))
    return graph, judge(graph)


def story(graph: Graph, number: int) -> Iterator[str]:
    """The way to a state, a line a step, and the folder there."""
    world, way = graph.world, graph.way_to(number)
    for before, after in pairwise(way):
        yield "; ".join((*_doings(world, before, after), *_changes(world, before, after)))
    yield from (f"  {path}: {content}" for path, content in world.folders.files(world.folder(way[-1])).items())


def _doings(world: World, before: int, after: int) -> Iterator[str]:
    for host in world.hosts:
        was, now = world.memory(before, host), world.memory(after, host)
        if (was.phase, was.entry, len(was.ops)) != (now.phase, now.entry, len(now.ops)):
            yield f"{host}: {was.phase.name}" + (f" -> {now.phase.name}" if now.phase is not was.phase else "")
        elif was.phase is Phase.LOOK and was != now:
            yield f"{host}: waits"


def _changes(world: World, before: int, after: int) -> Iterator[str]:
    was, now = world.folders.files(world.folder(before)), world.folders.files(world.folder(after))
    yield from (f"- {path}: {content}" for path, content in was.items() if now.get(path) != content)
    yield from (f"+ {path}: {content}" for path, content in now.items() if was.get(path) != content)


def _print(scenario: Scenario, faults: int, protocol: Protocol, *, ways: bool) -> int:
    started = time.monotonic()
    graph, verdict = explore(scenario, faults, protocol)
    found = "; ".join([*verdict.flaws, *verdict.leftovers]) or "clean"
    spent = f"{time.monotonic() - started:.1f}"
    ends = len(verdict.end_folders)
    row = (scenario.name, len(graph), ends, verdict.steps_alone, verdict.steps_together, spent, found)
    print(_ROW.format(*row), flush=True)
    for what, number in (verdict.flaws | verdict.leftovers).items() if ways else ():
        print(f"\n{what}:", *story(graph, number), sep="\n    ")
    return 1 if verdict.flaws else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, choices=(2, 3), default=2)
    parser.add_argument("--late", action="store_true", help="two hosts, and a commit that comes late")
    parser.add_argument("--faults", type=int, default=4)
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--ways", action="store_true", help="print a shortest way to whatever is found")
    parser.add_argument("--restart-looks", action="store_true")
    options = parser.parse_args()
    scenarios = LATE if options.late else TWO_HOSTS if options.hosts == 2 else THREE_HOSTS
    chosen = [scenario for scenario in scenarios if options.only in scenario.name]
    protocol = Protocol(restart_looks=options.restart_looks)
    print(_ROW.format(*_HEAD))
    return max(_print(scenario, options.faults, protocol, ways=options.ways) for scenario in chosen)


if __name__ == "__main__":
    sys.exit(main())
