"""What to do about a day's folder that holds more than our run: a pure function.

From *what is there* (a listing, with the records read) and *what we know* (our run) it says which files to
move, by id, and which to add. It is asked again after every step, on a fresh listing, until nothing is left
to do. Nothing is ever overwritten or deleted; moves and adds refuse an occupied place; and no host settles its
run but on a look that finds it settled: not on a commit without conflicts (its files may be on their way to
where another host's older look wants them), nor on having carried out a plan. So whatever several hosts do to
a folder at the same time, the last of them to look leaves every run in its place. `tests/model` explores it.

The rules, in the order of the code:

1. One run may have been recorded twice, by two hosts or after a host lost its state. The records differ in
   when and where, not in what; the one with the smallest content hash counts.
2. A run that is not in the listing announces itself first: its record goes to its place if that is free, else
   to its superseded folder, which nobody else uses. From then on everybody knows the same runs, so everybody
   wants the same tree. Only where there is nothing else it comes in one commit, visible all at once.
3. The latest of the known runs belongs at the fixed places, every other one below `superseded/`.
4. A file is left where it is when it is right there, for whichever run, and moved when it is not. What several
   runs name is stored as often as it is named: what is missing and ours has is added, for others too. A place
   of ours is never robbed for another run: two hosts that did would rob each other for ever.
5. Misplaced files go to other runs first: their hosts may be done and gone, ours is here and can add what it
   lacks.
6. Whatever else lies where files of runs go is put aside below `superseded/unknown-…/`. Surplus copies of what
   a run names, at once; content that nobody names gets one retry's time first, for its owner may be about to
   announce itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from huracan_spool import layout
from huracan_spool.record import KnownRun, RunKey


@dataclass(frozen=True, slots=True)
class Present:
    """A file found in the day folder: `path` relative to it, `id` as the store moves it."""

    path: str
    id: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Move:
    id: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Add:
    """Store content of ours at `target`, a path relative to the day folder."""

    content_hash: str
    target: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now: the moves in their order, then the adds, then look again.

    `settled`: every known run is in its place as far as we can bring it there. `strangers` lie where files of
    runs go, are named by no run, and still have time.
    """

    superseded: bool
    settled: bool = False
    moves: tuple[Move, ...] = ()
    adds: tuple[Add, ...] = ()
    strangers: tuple[Present, ...] = ()


def places(run: KnownRun, latest: RunKey) -> dict[str, str]:
    """Where each file of `run` belongs, and the content hash that it must have."""
    folder = "" if run.key == latest else _superseded_folder(run)
    return {folder + place: content_hash for place, content_hash in run.wants.items()}


def plan(
    listing: Iterable[Present], recorded: Iterable[KnownRun], ours: KnownRun, patience_over: Collection[str]
) -> Plan:
    """Compare what is there with what should be.

    `recorded` are the runs whose records were found in the listing. `patience_over` holds the ids of
    strangers that have had their time.
    """
    recorded = list(recorded)
    named = {content_hash for run in (*recorded, ours) for content_hash in run.wants.values()}
    known: dict[RunKey, KnownRun] = {}
    for run in sorted(recorded, key=lambda run: (run.key, run.wants[layout.RECORD_PLACE])):
        known.setdefault(run.key, run)
    have = frozenset(ours.wants.values())
    ours = known.pop(ours.key, ours)
    folder = _Folder(listing, list(known.values()), ours, have)
    folder.assign()
    strangers = folder.put_aside(named, patience_over)
    announcement = folder.announcement()
    if announcement and not folder.is_free_for_us(strangers):
        return Plan(folder.superseded, adds=(announcement,))
    settled = not (strangers or folder.wanted_moves or folder.wanted_adds)
    moves, vacated = folder.possible_moves()
    return Plan(folder.superseded, settled, moves, folder.possible_adds(vacated), strangers)


class _Folder:
    """One comparison in progress."""

    def __init__(
        self, listing: Iterable[Present], others: Sequence[KnownRun], ours: KnownRun, have: Collection[str]
    ) -> None:
        self.ours = ours
        self.runs = (*others, ours)
        self.latest = max(run.key for run in self.runs)
        self.superseded = ours.key != self.latest
        self.have = have  # the content that we can add; of a run recorded elsewhere, not the record
        # All hosts see one order, and a spare file that is in somebody's way is the first to be used.
        self.listing = sorted(listing, key=lambda present: (not layout.is_fixed_place(present.path), present.path))
        self.at = {present.path: present for present in self.listing}
        self.used: set[str] = set()  # ids of files that have their place
        self.wanted_moves: list[Move] = []
        self.wanted_adds: list[Add] = []

    def is_free_for_us(self, strangers: Collection[Present]) -> bool:
        """Whether the record may come in one commit with the files, because nobody's place depends on it."""
        return len(self.runs) == 1 and not strangers and not self.wanted_moves

    def announcement(self) -> Add | None:
        record = self.ours.wants[layout.RECORD_PLACE]
        if any(p.content_hash == record and layout.is_record(p.path) for p in self.listing):
            return None
        own = _superseded_folder(self.ours) + layout.RECORD_PLACE
        first = own if self.superseded else layout.RECORD_PLACE
        other = self._unknown_place(record, layout.RECORD_PLACE)  # somebody tampered with our folder
        return Add(record, next(place for place in (first, own, other) if place not in self.at))

    def assign(self) -> None:
        """Give every wanted place a file: the one already there, a misplaced one, or a new one of ours."""
        wanted = {place: value for run in self.runs for place, value in places(run, self.latest).items()}
        right = {present.path for present in self.listing if wanted.get(present.path) == present.content_hash}
        self.used.update(self.at[place].id for place in right)
        for place, content_hash in wanted.items():
            if place not in right:
                self._fill(place, content_hash)

    def put_aside(self, named: Collection[str], patience_over: Collection[str]) -> tuple[Present, ...]:
        """Want everything out of the way that has no place; what still has time is returned instead.

        A surplus copy of what a run names is nobody's, and needs no patience; nor does a run's second record.
        """
        strangers = [
            present for present in self.listing if present.id not in self.used and self._in_the_way(present)
        ]
        patient = {p.id for p in strangers if p.content_hash not in named and p.id not in patience_over}
        self.wanted_moves += [self._aside(present) for present in strangers if present.id not in patient]
        return tuple(present for present in strangers if present.id in patient)

    def possible_moves(self) -> tuple[tuple[Move, ...], set[str]]:
        """The moves whose targets are free, or made free by an earlier one; and the places left empty."""
        occupied = set(self.at)
        waiting, chosen = self.wanted_moves, list[Move]()
        while move := _first_free(waiting, occupied) or self._out_of_a_circle(waiting):
            chosen.append(move)
            occupied.remove(move.source)
            occupied.add(move.target)
            waiting = [other for other in waiting if other.id != move.id]
        return tuple(chosen), set(self.at) - occupied

    def possible_adds(self, vacated: Collection[str]) -> tuple[Add, ...]:
        return tuple(add for add in self.wanted_adds if add.target not in self.at or add.target in vacated)

    def _fill(self, place: str, wanted: str) -> None:
        spares = (p for p in self.listing if p.content_hash == wanted and p.id not in self.used)
        if spare := next(spares, None):
            self.used.add(spare.id)
            self.wanted_moves.append(Move(spare.id, spare.path, place))
        elif wanted in self.have:
            self.wanted_adds.append(Add(wanted, place))

    def _in_the_way(self, present: Present) -> bool:
        """True where files of runs go: at the fixed places, and in the known runs' own folders."""
        return layout.is_fixed_place(present.path) or any(
            present.path == _superseded_folder(run) + place for run in self.runs for place in run.wants
        )

    def _aside(self, present: Present) -> Move:
        return Move(present.id, present.path, self._unknown_place(present.content_hash, present.path))

    def _unknown_place(self, content_hash: str, found_at: str) -> str:
        targets = (layout.unknown_place(content_hash, found_at, copy) for copy in count(1))
        return next(target for target in targets if target not in self.at)

    def _out_of_a_circle(self, moves: Sequence[Move]) -> Move | None:
        """The first step when files wait for each other's places: one of them aside, until the next look.

        Its place there must be free, else the circle would stay.
        """
        by_source = {move.source: move for move in moves}
        for first in moves:
            passed, step = {first.source}, by_source.get(first.target)
            while step is not None and step.source not in passed:
                passed.add(step.source)
                step = by_source.get(step.target)
            if step is first:
                return self._aside(self.at[first.source])
        return None


def _first_free(moves: Sequence[Move], occupied: Collection[str]) -> Move | None:
    return next((move for move in moves if move.target not in occupied), None)


def _superseded_folder(run: KnownRun) -> str:
    return layout.superseded_folder(run.key.timestamp, run.key.digest)
