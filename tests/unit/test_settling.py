"""Settling a folder round by round, against a folder in memory that may be changed by others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from huracan_spool import layout
from huracan_spool.errors import TryAgain
from huracan_spool.record import KnownRun, RunKey
from huracan_spool.stores.reconcile import Add, Move, Present
from huracan_spool.stores.settling import Patience, StrangersInTheWay, settle

METRICS = "metrics/training_metrics.json"
MODEL = "model/model.bin"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(time: str, **files: str) -> KnownRun:
    """A run whose files are given by their content hashes; its record's is `record-{time}`."""
    places = {"model": MODEL, "metrics": METRICS}
    wants = {layout.RECORD_PLACE: f"record-{time}"} | {places[kind]: hash_ for kind, hash_ in files.items()}
    return KnownRun(RunKey(f"20251112_{time}", f"{time}{'0' * 58}"), wants)


@dataclass
class Folder:
    """Path to content hash; a file's id is the path it was added at. Moves and adds refuse what is taken."""

    runs: Sequence[KnownRun]
    files: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    meddle: Callable[[Folder], None] = lambda _: None
    looks: int = 0
    added: list[str] = field(default_factory=list)
    refuses: bool = False

    def put(self, path: str, content_hash: str) -> None:
        self.files[path] = content_hash
        self.ids[path] = f"id:{len(self.ids)}:{path}"

    async def look(self) -> tuple[Sequence[Present], Sequence[KnownRun]]:
        self.looks += 1
        self.meddle(self)
        present = [Present(path, self.ids[path], hash_) for path, hash_ in self.files.items()]
        by_record = {run.wants[layout.RECORD_PLACE]: run for run in self.runs}
        found = [
            by_record[p.content_hash] for p in present if layout.is_record(p.path) and p.content_hash in by_record
        ]
        return present, found

    async def prepare(self, content_hashes: Sequence[str]) -> None:
        if self.refuses:
            raise TryAgain(f"no room for {content_hashes}")

    async def move(self, moves: Sequence[Move]) -> None:
        for move in moves:
            if self.ids.get(move.source) == move.id and move.target not in self.files:
                self.files[move.target] = self.files.pop(move.source)
                self.ids[move.target] = self.ids.pop(move.source)

    async def add(self, adds: Sequence[Add]) -> None:
        for add in adds:
            if add.target not in self.files:
                self.put(add.target, add.content_hash)
                self.added.append(add.target)


def patience(seconds: float = 5.0) -> tuple[Patience, Clock]:
    clock = Clock()
    return Patience(seconds, clock), clock


def old(time: str) -> str:
    return f"superseded/20251112_{time}-{time}00/"


async def test_an_empty_folder_takes_the_record_first_then_the_files():
    ours = run("090000", model="m1", metrics="x1")
    folder = Folder([ours])

    plan = await settle(folder, ours, patience()[0])

    assert folder.files == ours.wants
    assert folder.added[0] == layout.RECORD_PLACE
    assert not plan.superseded


async def test_a_newer_run_sends_the_older_to_its_folder():
    first, second = run("090000", model="m1", metrics="x1"), run("100000", metrics="x2")
    folder = Folder([first, second])

    await settle(folder, first, patience()[0])
    plan = await settle(folder, second, patience()[0])

    assert folder.files == second.wants | {old("090000") + place: hash_ for place, hash_ in first.wants.items()}
    assert not plan.superseded


async def test_what_can_not_be_added_moves_nobody():
    first, second = run("090000", model="m1"), run("100000", model="m2")
    folder = Folder([first, second])
    await settle(folder, first, patience()[0])
    folder.refuses = True

    with pytest.raises(TryAgain, match="no room"):
        await settle(folder, second, patience()[0])

    assert folder.files == first.wants  # nor is there a record of what is not coming


async def test_an_older_run_goes_to_its_folder_at_once():
    first, second = run("090000", model="m1"), run("100000", model="m2")
    folder = Folder([first, second])

    await settle(folder, second, patience()[0])
    plan = await settle(folder, first, patience()[0])

    assert folder.files == second.wants | {old("090000") + place: hash_ for place, hash_ in first.wants.items()}
    assert plan.superseded


async def test_a_settled_folder_is_looked_at_once():
    ours = run("090000", model="m1")
    folder = Folder([ours], dict(ours.wants), {place: place for place in ours.wants})

    await settle(folder, ours, patience()[0])

    assert (folder.looks, folder.added) == (1, [])


async def test_what_does_not_show_is_not_done_over_and_over():
    """A listing may be late, for minutes; another lost answer may be no more than that."""
    ours = run("090000", model="m1")
    folder = Folder([ours])
    folder.meddle = lambda it: it.files.clear()

    with pytest.raises(TryAgain, match="listing is late"):
        await settle(folder, ours, patience()[0])

    assert folder.looks < 5


async def test_a_stranger_gets_its_time_and_is_then_put_aside():
    ours, (wait, clock) = run("090000", model="m1"), patience(5.0)
    folder = Folder([ours])
    folder.put(MODEL, "stranger")

    with pytest.raises(StrangersInTheWay) as caught:
        await settle(folder, ours, wait)
    assert MODEL in str(caught.value)
    assert caught.value.retry_after == 5.0
    assert folder.files[MODEL] == "stranger"
    clock.now = 4.9
    with pytest.raises(StrangersInTheWay):
        await settle(folder, ours, wait)

    clock.now = 5.0
    await settle(folder, ours, wait)

    assert folder.files == ours.wants | {layout.unknown_place("stranger", MODEL): "stranger"}


async def test_a_stranger_whose_owner_comes_in_time_stays_a_runs_file():
    """Half a commit of another host: its record arrives with its next attempt."""
    ours, theirs = run("090000", model="m1"), run("100000", model="m2")
    wait, _ = patience()
    folder = Folder([ours, theirs])
    folder.put(MODEL, "m2")
    with pytest.raises(StrangersInTheWay):
        await settle(folder, ours, wait)

    await settle(folder, theirs, wait)
    await settle(folder, ours, wait)

    assert folder.files == theirs.wants | {old("090000") + place: hash_ for place, hash_ in ours.wants.items()}


async def test_what_lies_elsewhere_is_nobodys_business():
    ours = run("090000", model="m1")
    folder = Folder([ours])
    folder.put("notes/readme.txt", "a person's")

    await settle(folder, ours, patience()[0])

    assert folder.files == ours.wants | {"notes/readme.txt": "a person's"}


async def test_two_runs_with_the_same_bytes_have_a_copy_each():
    first, second = run("090000", model="same", metrics="x1"), run("100000", model="same", metrics="x2")
    folder = Folder([first, second])

    for each in (first, second, first):
        await settle(folder, each, patience()[0])

    assert folder.files == second.wants | {old("090000") + place: hash_ for place, hash_ in first.wants.items()}


async def test_another_host_that_never_stops_is_left_to_itself():
    ours = run("090000", model="m1")

    def undo(folder: Folder) -> None:
        folder.files.pop(MODEL, None)

    folder = Folder([ours], meddle=undo)

    with pytest.raises(TryAgain, match="another host"):
        await settle(folder, ours, patience()[0])

    assert folder.looks < 5


def test_patience_counts_from_the_first_time_and_can_be_forgotten():
    wait, clock = patience(5.0)
    stranger = Present(MODEL, "id:1", "hash")
    wait.wait_for([stranger])
    clock.now = 3.0
    wait.wait_for([stranger])

    clock.now = 5.0
    assert wait.over() == {"id:1"}

    wait.forget(["id:1", "id:unheard-of"])
    assert wait.over() == frozenset()
