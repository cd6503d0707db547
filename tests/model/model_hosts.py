"""What a host does with its run, one atomic step at a time.

A host commits its batch blindly, entry by entry; then it looks, carries out the plan move by move and add by
add, and looks again until the plan says settled. Between any two steps other hosts take theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import NamedTuple

from model_folder import Folders

from huracan_spool import layout
from huracan_spool.record import KnownRun
from huracan_spool.stores.reconcile import Plan, Present, plan

Planner = Callable[[Iterable[Present], Iterable[KnownRun], KnownRun, Collection[str]], Plan]


@dataclass(frozen=True)
class Protocol:
    """What a host does around the plan. The defaults are ours; tests turn one at a time to something worse."""

    planner: Planner = plan
    commit_settles: bool = False  # a commit without a conflict is taken for the end, without a look
    acting_settles: bool = False  # so is a plan that was carried out
    impatient: bool = False  # strangers are put aside when first seen
    remembers_runs: bool = False  # only the runs of the first look count
    moves_overwrite: bool = False  # a store without refusals
    commits_at_once: bool = False  # a store that applies a batch as a whole, with nobody in between
    restart_looks: bool = False  # after a crash the host knows that it had begun, and looks first


class Phase(IntEnum):
    COMMIT = 0
    LOOK = 1
    ACT = 2
    DONE = 3
    STUCK = 4  # neither settled nor anything to do: never right


class Op(NamedTuple):
    """One step of a plan. A file to move is named by its present path; an add has its content instead."""

    file: int | None
    content: int | None
    target: int


class Host(NamedTuple):
    """A host's memory. A crash takes all of it."""

    phase: Phase
    entry: int = 0  # of the commit: the next one
    clean: bool = True  # no entry of the commit was refused; kept only where that matters
    ops: tuple[Op, ...] = ()
    patience_over: frozenset[int] = frozenset()  # the present paths of strangers that had their time
    first_records: frozenset[str] | None = None  # see `remembers_runs`


class Cost(IntEnum):
    """The misfortune that a step needs; every host has a few to suffer."""

    NONE = 0
    CRASH = 1
    LOST_REPLY = 2


class Step(NamedTuple):
    """A possible next step of one host. `moved` tells everybody that a file went from one path to another."""

    folder: int
    host: Host
    cost: Cost = Cost.NONE
    moved: tuple[int, int] | None = None


COMMITTING = Host(Phase.COMMIT)
LOOKING = Host(Phase.LOOK)
DONE = Host(Phase.DONE)


def follow(host: Host, moved: tuple[int, int]) -> Host:
    """The host's memory after a file, whose id it may hold, was moved."""
    source, target = moved
    ops = tuple(op._replace(file=target) if op.file == source else op for op in host.ops)
    patience_over = frozenset(target if path == source else path for path in host.patience_over)
    return host._replace(ops=ops, patience_over=patience_over)


class Program:
    """One host's program: from the folder and its memory to every step that may follow.

    With `late` it is not a host but a commit whose sender has long given up on it: it still takes effect,
    entry by entry, and nobody looks afterwards.
    """

    def __init__(
        self,
        run: KnownRun,
        by_record: Mapping[str, KnownRun],
        folders: Folders,
        protocol: Protocol,
        *,
        late: bool,
    ) -> None:
        self._run = run
        self._by_record = by_record
        self._folders = folders
        self._protocol = protocol
        self._late = late
        self._entries = [
            (folders.contents.number(run.wants[place]), folders.paths.number(place))
            for place in sorted(run.wants, key=lambda place: (place != layout.RECORD_PLACE, place))
        ]
        self._plan = cache(self._ask)

    def steps(self, folder: int, host: Host) -> Iterator[Step]:
        """Misfortunes come right after a change of the folder only.

        Later ones, that change nothing but the host's own memory, can't be told from these by anybody.
        """
        steps = {Phase.COMMIT: self._commit, Phase.LOOK: self._look, Phase.ACT: self._act}
        for step in steps[host.phase](folder, host) if host.phase in steps else ():
            yield step
            if step.cost is Cost.NONE and step.folder != folder and not self._late:
                restarted = LOOKING if self._protocol.restart_looks else COMMITTING
                yield step._replace(host=restarted, cost=Cost.CRASH)

    def _commit(self, folder: int, host: Host) -> Iterator[Step]:
        until = len(self._entries) if self._protocol.commits_at_once else host.entry + 1
        after, clean = folder, host.clean
        for content, path in self._entries[host.entry : until]:
            after, agreed = self._folders.add(after, content, path)
            clean = clean and agreed
        if until < len(self._entries):
            yield Step(after, Host(Phase.COMMIT, until, clean or not self._protocol.commit_settles))
        else:
            yield Step(after, DONE if self._late or (clean and self._protocol.commit_settles) else LOOKING)
        if not self._late:
            yield Step(after, LOOKING, Cost.LOST_REPLY)
        if host == COMMITTING and not self._late:  # it never got there
            yield Step(folder, LOOKING, Cost.LOST_REPLY)

    def _look(self, folder: int, host: Host) -> Iterator[Step]:
        if self._protocol.remembers_runs and host.first_records is None:
            host = host._replace(first_records=frozenset(self._folders.files(folder).values()))
        settled, ops, strangers = self._plan(folder, host.patience_over, host.first_records)
        if settled:
            yield Step(folder, DONE)
        elif ops:
            yield Step(folder, host._replace(phase=Phase.ACT, ops=ops))
        elif strangers:
            yield Step(folder, host._replace(patience_over=host.patience_over | strangers))
        else:
            yield Step(folder, Host(Phase.STUCK))

    def _act(self, folder: int, host: Host) -> Iterator[Step]:
        after, moved = self._carry_out(folder, host.ops[0])
        told = follow(host, moved) if moved else host
        rest, looking = told.ops[1:], told._replace(phase=Phase.LOOK, ops=())
        finished = DONE if self._protocol.acting_settles else looking
        yield Step(after, told._replace(ops=rest) if rest else finished, moved=moved)
        if after != folder:
            yield Step(after, looking, Cost.LOST_REPLY, moved)
        adds = tuple(op for op in host.ops if op.file is None)
        if adds != host.ops and adds:  # the batch of moves was cut short, and the host goes on with its adds
            yield Step(folder, host._replace(ops=adds), Cost.LOST_REPLY)

    def _carry_out(self, folder: int, op: Op) -> tuple[int, tuple[int, int] | None]:
        if op.content is not None:
            return self._folders.add(folder, op.content, op.target)[0], None
        assert op.file is not None
        after = self._folders.move(folder, op.file, op.target)
        return (folder, None) if after is None else (after, (op.file, op.target))

    def _ask(
        self, folder: int, patience_over: frozenset[int], records: frozenset[str] | None
    ) -> tuple[bool, tuple[Op, ...], frozenset[int]]:
        listing = self._folders.listing(folder)
        number = self._folders.paths.number
        recorded = [
            self._by_record[present.content_hash]
            for present in listing
            if layout.is_record(present.path)
            and present.content_hash in self._by_record
            and (records is None or present.content_hash in records)
        ]
        over = {p.id for p in listing if self._protocol.impatient or number(p.path) in patience_over}
        found = self._protocol.planner(listing, recorded, self._run, over)
        strangers = frozenset(number(stranger.path) for stranger in found.strangers)
        return found.settled, self._ops(listing, found), strangers

    def _ops(self, listing: Sequence[Present], found: Plan) -> tuple[Op, ...]:
        number, content = self._folders.paths.number, self._folders.contents.number
        at = {present.id: number(present.path) for present in listing}
        moves = (Op(at[move.id], None, number(move.target)) for move in found.moves)
        return (*moves, *(Op(None, content(add.content_hash), number(add.target)) for add in found.adds))
