"""What is pending, in a real spool: what was added, touched, shared, left over; and hints in between."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from huracan_spool.due_queue import DueQueue
from huracan_spool.spool.directory import Spool, open_spool
from huracan_spool.spool.index import Index, Leftovers
from huracan_spool.spool.manifests import declared_files, version_of
from huracan_spool.spool.opening import Withdrawn
from huracan_spool.spool.pending import Pending


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    spool = open_spool(path)
    yield spool
    spool.close()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Spool]:
    """What lies at the path after the first was moved away."""
    another = open_spool(tmp_path / "another")
    yield another
    another.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue() -> DueQueue:
    return DueQueue()


@pytest.fixture
def pending(spool: Spool, queue: DueQueue, clock: Clock) -> Pending:
    return Pending(spool, queue, clock, lambda: None)


def write(spool: Spool, name: str, data: bytes = b"data") -> None:
    """As a producer should: under a dot name, then renamed."""
    (spool.path / f".{name[:100]}").write_bytes(data)
    (spool.path / f".{name[:100]}").rename(spool.path / name)


def publish(spool: Spool, run: str, *files: str) -> None:
    kinds = ("model", "metrics", "features", "candles", "trades")
    artifacts = dict(zip(kinds, files or (f"{run}.pt",), strict=False))
    for name in artifacts.values():
        if not (spool.path / name).exists():
            write(spool, name)
    document = {"version": 1, "symbol": "A", "trained_at": "2025-11-12T16:49:20Z", "artifacts": artifacts}
    write(spool, f"{run}.manifest.json", json.dumps(document).encode())


def publish_fast(spool: Spool, run: str, file: str) -> None:
    manifest = f'{{"version":1,"symbol":"A","trained_at":"2025-11-12T16:49:20Z","artifacts":{{"model":"{file}"}}}}'
    (spool.path / file).touch()
    (spool.path / f"{run}.manifest.json").write_text(manifest)


def due_now(queue: DueQueue, now: float = 1e9) -> list[str]:
    found = []
    while (run := queue.take(now)) is not None:
        found.append(run)
    for run in found:
        queue.done(run, now)
    return sorted(found)


async def test_manifests_become_due_once(spool, pending, queue):
    publish(spool, "a")
    publish(spool, "b")

    await pending.rescan(spool)
    assert due_now(queue) == ["a", "b"]
    await pending.rescan(spool)

    assert due_now(queue) == []
    assert len(pending) == 2
    assert pending.files_of("a") == ("a.pt",)


@pytest.mark.parametrize("change", ["replaced", "rewritten in place", "touched"])
async def test_a_manifest_that_changed_in_any_way_is_due_again(spool, pending, queue, clock, change):
    publish(spool, "run")
    await pending.rescan(spool)
    due_now(queue)
    clock.now = 107.0

    manifest = spool.path / "run.manifest.json"
    if change == "replaced":
        publish(spool, "run", "other.pt")
    elif change == "rewritten in place":
        status = manifest.stat()
        manifest.write_bytes(manifest.read_bytes().replace(b"run.pt", b"RUN.pt"))
        os.utime(manifest, ns=(status.st_atime_ns, status.st_mtime_ns))  # only ctime tells
    else:
        os.utime(manifest)
    await pending.rescan(spool)

    assert due_now(queue) == ["run"]
    assert pending.unchanged_since("run") == 107.0
    expected = {"replaced": "other.pt", "rewritten in place": "RUN.pt", "touched": "run.pt"}
    assert pending.files_of("run") == (expected[change],)


async def test_a_manifest_that_was_taken_back_is_forgotten(spool, pending, queue):
    publish(spool, "run")
    await pending.rescan(spool)
    (spool.path / "run.manifest.json").unlink()

    await pending.rescan(spool)

    assert due_now(queue) == []
    assert len(pending) == 0
    assert pending.unchanged_since("run") is None
    assert pending.files_of("run") == ()


async def test_orphans_are_what_no_pending_manifest_names(spool, pending):
    publish(spool, "run", "m.pt")
    write(spool, "lonely.csv")
    write(spool, "-bad name.manifest.json", b"{}")
    (spool.path / ".writing").touch()
    (spool.path / "folder").mkdir()
    (spool.path / "dir.manifest.json").mkdir()

    left = await pending.rescan(spool)

    badly_named = ("-bad name.manifest.json", "dir.manifest.json")
    assert left == Leftovers(4, 0, (), badly_named, badly_named_in_all=2)
    assert await pending.rescan(spool) == Leftovers(4, 4, (*badly_named, "folder"), (), badly_named_in_all=0)
    assert len(pending) == 1


async def test_a_million_orphans_would_be_counted_and_not_listed(spool, pending):
    for number in range(1001):
        (spool.path / f"{number:04d} .manifest.json").touch()

    left = await pending.rescan(spool)

    assert (left.orphans, left.badly_named_in_all, len(left.badly_named)) == (1001, 1001, 20)


async def test_an_orphan_that_was_gone_for_a_look_is_a_new_one(spool, pending):
    for there in (True, True, False, True):
        (spool.path / "lonely.csv").touch() if there else (spool.path / "lonely.csv").unlink()
        left = await pending.rescan(spool)

    assert (left.orphans, left.lasting) == (1, 0)


async def test_an_artifact_is_an_orphan_until_its_manifest_comes(spool, pending):
    write(spool, "run.pt")
    assert (await pending.rescan(spool)).orphans == 1

    publish(spool, "run")

    assert (await pending.rescan(spool)).orphans == 0


async def test_a_file_of_two_manifests_belongs_to_both_until_one_is_settled(spool, pending):
    publish(spool, "a", "shared.parquet", "a.json")
    publish(spool, "b", "b.json", "shared.parquet")
    await pending.rescan(spool)

    assert await pending.named_by_others(spool, "a", ("shared.parquet", "a.json")) == {"shared.parquet"}
    assert await pending.named_by_others(spool, "b", ("shared.parquet", "b.json")) == {"shared.parquet"}

    (spool.path / "a.manifest.json").unlink()
    pending.ended(spool, "a")

    assert await pending.named_by_others(spool, "b", ("shared.parquet", "b.json")) == frozenset()
    assert (await pending.rescan(spool)).orphans == 1


async def test_a_bad_manifest_holds_the_files_it_names_all_the_same(spool, pending):
    publish(spool, "good", "shared.pt")
    write(
        spool, "bad.manifest.json", b'{"version": 1, "symbol": "?", "artifacts": {"x": "shared.pt", "y": "/etc"}}'
    )
    write(spool, "worse.manifest.json", b'{"version": 1, ')
    await pending.rescan(spool)

    assert pending.files_of("bad") == ("shared.pt",)
    assert pending.files_of("worse") == ()
    assert await pending.named_by_others(spool, "good", ("shared.pt",)) == {"shared.pt"}


async def test_who_asks_for_shared_files_waits_until_every_manifest_is_read(spool, queue, clock):
    """Or a file would be removed that a manifest names which was not read yet."""
    batch_read = asyncio.Event()
    pending = Pending(spool, queue, clock, batch_read.set)
    for number in range(1001):
        publish_fast(spool, f"run-{number}", "shared.pt")

    scan = asyncio.create_task(pending.rescan(spool))
    await batch_read.wait()
    asked = asyncio.create_task(pending.named_by_others(spool, "run-0", ("shared.pt",)))
    await asyncio.sleep(0)

    assert len(pending) < 1001
    assert not asked.done()
    await scan
    assert await asked == {"shared.pt"}
    assert len(pending) == 1001


async def test_nobody_knows_what_a_spool_that_was_left_holds(spool, pending, another):
    """Or a shared file would be removed from it for want of the manifest that names it as well."""
    publish(spool, "a", "shared.pt")
    publish(spool, "b", "shared.pt")
    asked_early = asyncio.create_task(pending.named_by_others(spool, "a", ("shared.pt",)))
    await asyncio.sleep(0)
    pending.now_in(another)
    await pending.rescan(another)

    with pytest.raises(Withdrawn):
        await asked_early
    with pytest.raises(Withdrawn):
        await pending.named_by_others(spool, "a", ("shared.pt",))
    assert await pending.named_by_others(another, "a", ("shared.pt",)) == frozenset()


async def test_a_look_at_the_spool_before_tells_nothing_of_the_one_in_use(spool, pending, another):
    publish(another, "a", "shared.pt")
    publish(another, "b", "shared.pt")
    pending.now_in(another)
    await pending.rescan(spool)  # begun before
    asked = asyncio.create_task(pending.named_by_others(another, "a", ("shared.pt",)))
    await asyncio.sleep(0)
    assert not asked.done()

    await pending.rescan(another)

    assert await asked == {"shared.pt"}


async def test_a_hint_finds_a_run_without_a_look_at_the_rest(spool, pending, queue):
    publish(spool, "a")
    publish(spool, "b")

    names = ("b.manifest.json", "b.pt", ".hidden", "failed", "gone.manifest.json", "-bad.manifest.json")
    pending.learn(pending.look_up(spool, names))

    assert due_now(queue) == ["b"]
    assert len(pending) == 1


async def test_a_hint_for_what_is_known_does_nothing(spool, pending, queue):
    publish(spool, "a")
    await pending.rescan(spool)
    due_now(queue)

    pending.learn(pending.look_up(spool, ["a.manifest.json"]))

    assert due_now(queue) == []


async def rescan_interrupted(pending: Pending, spool: Spool, act: Callable[[], None]) -> Leftovers:
    """A rescan in which `act` happens between a look at some names and what that look leads to."""
    executor = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(executor)
    scan = asyncio.create_task(pending.rescan(spool))
    await asyncio.sleep(0)  # it asks for a thread
    await asyncio.sleep(0)  # and has got it
    executor.submit(int).result()  # the look is over, and the loop does not know yet
    act()
    return await scan


async def test_a_run_that_is_hinted_at_during_a_look_that_missed_it_is_not_lost(spool, pending, queue):
    def hint() -> None:
        publish(spool, "new")
        pending.learn(pending.look_up(spool, ["new.manifest.json"]))

    await rescan_interrupted(pending, spool, hint)

    assert due_now(queue) == ["new"]
    assert len(pending) == 1
    assert pending.files_of("new") == ("new.pt",)


async def test_a_run_that_came_back_during_a_look_that_missed_it_is_not_lost(spool, pending, queue):
    publish(spool, "run")
    await pending.rescan(spool)
    due_now(queue)
    (spool.path / "run.manifest.json").unlink()

    def hint() -> None:
        publish(spool, "run")
        pending.learn(pending.look_up(spool, ["run.manifest.json"]))

    await rescan_interrupted(pending, spool, hint)

    assert due_now(queue) == ["run"]
    assert len(pending) == 1


async def test_a_run_that_is_settled_during_a_look_is_found_gone_by_the_next(spool, pending, queue):
    publish(spool, "run")
    await pending.rescan(spool)
    due_now(queue)

    def settle() -> None:
        (spool.path / "run.manifest.json").unlink()
        pending.ended(spool, "run")

    await rescan_interrupted(pending, spool, settle)
    await pending.rescan(spool)

    assert len(pending) == 0
    assert due_now(queue) == []


async def test_a_settled_run_whose_name_was_used_again_is_due_again(spool, pending, queue):
    publish(spool, "run")
    await pending.rescan(spool)
    due_now(queue)
    publish(spool, "run", "next.pt")

    pending.ended(spool, "run")

    assert due_now(queue) == ["run"]
    assert pending.files_of("run") == ("next.pt",)


async def test_two_thousand_manifests(spool, pending, queue):
    for number in range(2000):
        publish_fast(spool, f"run-{number}", f"{number}.pt")

    assert (await pending.rescan(spool)).orphans == 0

    assert len(pending) == 2000
    due = []
    while batch := due_now(queue):
        due += batch
        for run in batch:
            (spool.path / f"{run}.manifest.json").unlink()
            pending.ended(spool, run)
    assert len(set(due)) == len(due) == 2000
    assert await pending.named_by_others(spool, "run-7", ("7.pt",)) == frozenset()


def test_what_stands_where_a_manifest_should_be(spool):
    """A folder is no run; a link and a FIFO are, for they have to be put away."""
    (spool.path / "folder.manifest.json").mkdir()
    (spool.path / "link.manifest.json").symlink_to("/etc/passwd")
    os.mkfifo(spool.path / "fifo.manifest.json")

    index = Index()
    found = [run for batch in index.look_at(spool) for run, _, _ in batch]

    assert sorted(found) == ["fifo", "link"]
    assert version_of(spool, "folder.manifest.json") is None
    assert version_of(spool, "nothing.manifest.json") is None
    assert declared_files(spool, "link") == ()
    assert declared_files(spool, "fifo") == ()
    assert declared_files(spool, "nothing") == ()


def test_names_that_begin_with_a_dot_and_names_that_are_no_text(spool):
    (spool.path / ".rm-model-run").touch()
    (spool.path / ".other").touch()
    (spool.path / os.fsdecode(b"caf\xe9.csv")).touch()

    index = Index()

    assert list(index.look_at(spool)) == [[]]
    assert index.leftovers().orphans == 1
    assert index.leftovers().examples == ("caf\\xe9.csv",)


def test_a_name_that_is_named_thrice_is_free_when_all_three_are_gone():
    index = Index()
    index.learn([(run, "1", ("shared",)) for run in "abc"], 0.0)
    index.learn([("a", "2", ("shared",))], 1.0)

    for run, others in (("a", {"shared"}), ("b", {"shared"}), ("c", set())):
        assert index.named_by_others(run, ["shared", "else"]) == others
        index.forget(run)
        index.forget(run)


def test_runs_are_offered_once_the_longest_known_first_and_again_when_they_changed():
    index = Index()
    index.learn([("late", "1", ())], 9.0)
    index.learn([("b", "1", ()), ("a", "1", ())], 5.0)

    assert index.offer(2) == ["a", "b"]
    assert index.offer(2) == ["late"]
    assert index.offer(2) == []
    index.learn([("a", "2", ())], 10.0)

    assert index.offer(2) == ["a"]


async def test_a_runs_age_is_the_kernels_word_not_its_owners(spool, pending):
    write(spool, "run.manifest.json", b"{}")
    published = os.stat(spool.path / "run.manifest.json").st_ctime
    os.utime(spool.path / "run.manifest.json", (0, 0))
    write(spool, "later.manifest.json", b"{}")
    await pending.rescan(spool)

    assert pending.published("later") >= pending.published("run") >= published
    assert pending.oldest_published() == pending.published("run")
    pending.ended(spool, "run")
    assert pending.published("nobody") is None


async def test_what_was_missed_is_looked_for_before_a_shared_file_is_given_up(spool, pending):
    """Even by a look that was under way already: it may have passed the place."""
    publish(spool, "a", "shared.pt")
    await pending.rescan(spool)
    publish(spool, "b", "shared.pt")
    pending.missed_something()
    asked = asyncio.create_task(pending.named_by_others(spool, "a", ("shared.pt",)))
    await asyncio.sleep(0)
    assert not asked.done()

    await pending.rescan(spool)

    assert await asked == {"shared.pt"}
