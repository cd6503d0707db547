"""What must be true of every state, and of every way through them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from model_graph import Graph
from model_hosts import Phase
from model_world import World

from huracan_spool import layout
from huracan_spool.record import KnownRun, RunKey
from huracan_spool.stores.reconcile import places

LOST = "a file was lost"
STUCK = "a host is stuck: not settled, and nothing to do"
ENDLESS = "the hosts can keep each other busy for ever"
ENDLESS_ALONE = "a host alone never settles"
NOT_WHOLE = "everybody is done, and a run is not whole in its place"
MIXED = "everybody is done, and something lies at a fixed place that does not belong there"
ABANDONED = "everybody stops but one, it settles, and leaves a settled run broken"
SURPLUS = "surplus {} {}"


@dataclass
class Verdict:
    """`flaws` and `leftovers`: what was found, each with the number of a first state that shows it."""

    flaws: dict[str, int] = field(default_factory=dict)
    leftovers: dict[str, int] = field(default_factory=dict)
    end_folders: set[int] = field(default_factory=set)  # when everybody is done
    steps_alone: int = 0  # the most that one host needs from anywhere, if nobody else moves
    steps_together: int = 0  # the most that all need from anywhere, whoever is slow


def judge(graph: Graph) -> Verdict:
    verdict = Verdict()
    for number in range(len(graph)):
        _judge_step(graph, number, verdict)
        _judge_alone(graph, number, verdict)
        if graph.world.all_done(graph.states[number]):
            _judge_end(graph, number, verdict)
    verdict.steps_together, circle = graph.longest_way()
    if circle is not None:
        verdict.flaws[ENDLESS] = circle
    return verdict


def _judge_step(graph: Graph, number: int, verdict: Verdict) -> None:
    world, state = graph.world, graph.states[number]
    if any(world.memory(state, host).phase is Phase.STUCK for host in world.hosts):
        verdict.flaws.setdefault(STUCK, number)
    folder = world.folder(state)
    for after in graph.after(number):
        following = world.folder(graph.states[after])
        if following != folder and world.folders.lost(folder, following):
            verdict.flaws.setdefault(LOST, after)


def _judge_alone(graph: Graph, number: int, verdict: Verdict) -> None:
    """From any state on, one host can settle its run by itself; and it keeps the settled runs whole."""
    world, state = graph.world, graph.states[number]
    done = {host for host in world.hosts if world.memory(state, host).phase is Phase.DONE}
    for host in set(world.hosts) - done - world.late:
        steps, end = world.alone(state, host)
        if end is None:
            verdict.flaws.setdefault(ENDLESS_ALONE, number)
            continue
        verdict.steps_alone = max(verdict.steps_alone, steps)
        settled = {world.runs[other].key for other in (done | {host}) - world.late}
        if not settled <= world.whole(end):
            verdict.flaws.setdefault(ABANDONED, number)


def _judge_end(graph: Graph, number: int, verdict: Verdict) -> None:
    folder = graph.world.folder(graph.states[number])
    if folder in verdict.end_folders:
        return
    verdict.end_folders.add(folder)
    for flaw in _flaws_at_the_end(graph.world, folder):
        verdict.flaws.setdefault(flaw, number)
    for leftover in _leftovers(graph.world, folder):
        verdict.leftovers.setdefault(leftover, number)


def _flaws_at_the_end(world: World, folder: int) -> Iterator[str]:
    if world.whole(folder) != {run.key for run in world.runs}:
        yield NOT_WHOLE
    if any(layout.is_fixed_place(path) for path in _rest(world, folder)):
        yield MIXED


def _leftovers(world: World, folder: int) -> Iterator[str]:
    """Copies of runs' content outside their places. (What strangers left is theirs.)"""
    contents = {content for run in world.runs for content in run.wants.values()}
    for path, content in _rest(world, folder).items():
        if content in contents - set(world.scenario.there.values()):
            what = "record" if content in world.records else "artifact"
            where = "set aside" if path.startswith(layout.UNKNOWN_PREFIX) else "beside the runs"
            yield SURPLUS.format(what, where)


def _rest(world: World, folder: int) -> dict[str, str]:
    """What the folder holds besides its runs."""
    files = world.folders.files(folder)
    latest = max(run.key for run in world.runs)
    for run in _counting(world, files).values():
        for place, content in places(run, latest).items():
            if files.get(place) == content:
                del files[place]
    return files


def _counting(world: World, files: dict[str, str]) -> dict[RunKey, KnownRun]:
    """Of a run that was recorded twice, the version whose record counts: the least that is there."""
    there = (run for run in world.runs if run.wants[layout.RECORD_PLACE] in files.values())
    return {run.key: run for run in sorted(there, key=lambda r: r.wants[layout.RECORD_PLACE], reverse=True)}
