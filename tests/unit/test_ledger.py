"""Progress that outlives the daemon, and a damaged file that costs nothing but history."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from huracan_spool.ledger import AccountPause, Attempt, FirstTry, Ledger, WaitingRun, open_ledger, read_ledger

NOON, ONE, TWO = "2025-11-12T12:00:00Z", "2025-11-12T13:00:00Z", "2025-11-12T14:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def reopened(path: Path) -> Iterator[Callable[[], Ledger]]:
    """The ledger after a restart, each time it is called."""
    opened: list[Ledger] = []

    def reopen() -> Ledger:
        while opened:
            opened.pop().close()
        opened.append(open_ledger(path))
        return opened[0]

    yield reopen
    for ledger in opened:
        ledger.close()


def test_attempts_are_counted_over_restarts(reopened):
    assert reopened().begin("run", "sha", NOON) == Attempt(1, NOON, NOON)
    assert reopened().begin("run", "sha", ONE) == Attempt(2, NOON, NOON)
    assert reopened().begin("run", "sha", TWO) == Attempt(3, NOON, NOON)


def test_another_manifest_under_the_name_is_another_submission(reopened):
    ledger = reopened()
    ledger.begin("run", "sha", NOON)

    assert ledger.begin("run", "other", ONE) == Attempt(1, ONE, ONE)


def test_a_settled_run_that_comes_again_begins_anew(reopened):
    ledger = reopened()
    ledger.begin("run", "sha", NOON)
    ledger.begin("run", "other", NOON)

    ledger.settled("run")

    assert ledger.waiting_runs() == []
    assert ledger.begin("run", "sha", ONE) == Attempt(1, ONE, ONE)


def test_a_record_states_the_time_of_its_first_try_ever_after(reopened):
    assert reopened().first_try("digest", NOON) == FirstTry(NOON, is_now=True)
    assert reopened().first_try("digest", ONE) == FirstTry(NOON, is_now=False)
    assert reopened().first_try("other", ONE) == FirstTry(ONE, is_now=True)


def test_settling_does_not_forget_the_first_try(reopened):
    """The same run submitted again must make the same record."""
    ledger = reopened()
    ledger.begin("run", "sha", NOON)
    ledger.first_try("digest", NOON)
    ledger.settled("run")

    assert ledger.first_try("digest", ONE).at == NOON


def test_old_first_tries_are_forgotten(reopened):
    ledger = reopened()
    ledger.first_try("old", NOON)
    ledger.first_try("new", ONE)

    ledger.forget_tries_before(ONE)

    assert (ledger.first_try("old", TWO).at, ledger.first_try("new", TWO).at) == (TWO, ONE)


def test_what_waits_and_why_is_there_for_people_until_the_next_attempt(reopened, path):
    ledger = reopened()
    ledger.begin("b", "sha", ONE)
    ledger.begin("a", "sha", NOON)
    ledger.waits("b", "no route", TWO)

    looking = read_ledger(path)

    assert looking is not None
    assert looking.waiting_runs() == [
        WaitingRun("a", 1, NOON, None, None),
        WaitingRun("b", 1, ONE, "no route", TWO),
    ]
    ledger.begin("b", "sha", TWO)
    assert looking.waiting_runs()[1] == WaitingRun("b", 2, ONE, None, None)
    looking.close()


def test_a_pause_is_there_until_it_is_over(reopened):
    reopened().paused(NOON, "no space", "free some")
    reopened().paused(NOON, "no route", "")
    assert reopened().pause() == AccountPause(NOON, "no route", "")

    reopened().resumed()

    assert reopened().pause() is None


def test_threads_take_turns(reopened):
    ledger = reopened()
    numbers: list[int] = []

    def attempts() -> None:
        numbers.extend(ledger.begin("run", "sha", NOON).number for _ in range(25))

    threads = [threading.Thread(target=attempts) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 101))


def well_used(path: Path) -> None:
    ledger = open_ledger(path)
    for number in range(300):
        ledger.begin(f"run-{number}", "sha", NOON)
    ledger.close()


@pytest.mark.parametrize("damage", ["not a database at all", "torn in the middle", "scribbled over"])
def test_a_damaged_file_is_put_aside_and_a_new_one_begun(path, damage):
    well_used(path)
    data = bytearray(path.read_bytes())
    if damage == "not a database at all":
        data[:] = b"not a database at all" * 100
    elif damage == "torn in the middle":
        del data[len(data) // 2 :]
    else:
        data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)

    with capture_logs() as logged:
        ledger = open_ledger(path)

    assert ledger.begin("run-0", "sha", ONE) == Attempt(1, ONE, ONE)
    assert path.with_name("ledger.sqlite.damaged").read_bytes() == data
    assert [line["event"] for line in logged] == ["ledger_damaged"]
    ledger.close()


def test_an_empty_file_is_a_new_ledger(path):
    path.touch()

    ledger = open_ledger(path)

    assert ledger.begin("run", "sha", NOON).number == 1
    ledger.close()


def test_a_crash_loses_nothing_that_was_written(path, tmp_path):
    """The files as a killed process leaves them: the rows are in the write-ahead log alone."""
    ledger = open_ledger(path)
    ledger.begin("run", "sha", NOON)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in os.listdir(tmp_path):
        if name.startswith("ledger.sqlite"):
            shutil.copy(tmp_path / name, crashed / name)
    ledger.close()

    after = open_ledger(crashed / "ledger.sqlite")

    assert after.begin("run", "sha", ONE) == Attempt(2, NOON, NOON)
    after.close()


def test_trouble_of_the_disk_is_not_taken_for_damage(tmp_path):
    (tmp_path / "folder").mkdir()

    for path in (tmp_path / "folder", tmp_path / "missing" / "ledger.sqlite"):
        with pytest.raises(OSError, match=f"the ledger {path} can't be used: unable to open database file"):
            open_ledger(path)

    assert os.listdir(tmp_path) == ["folder"]


def test_there_may_be_no_ledger_to_look_at(path, tmp_path):
    assert read_ledger(path) is None
    path.write_bytes(b"not a database at all" * 100)
    assert read_ledger(path) is None
    assert os.listdir(tmp_path) == ["ledger.sqlite"]


def test_a_large_files_session_is_taken_up_after_a_restart(reopened):
    ledger = reopened()
    ledger.save_session("hash", "pid_upload_session:1", 4_194_304)
    ledger.piece_done("hash", 8_388_608)
    ledger.piece_done("hash", 0)
    ledger.piece_done("hash", 0)

    session = reopened().load_session("hash")

    assert session is not None
    assert (session.session_id, session.piece, session.done) == (
        "pid_upload_session:1",
        4_194_304,
        frozenset({0, 8_388_608}),
    )
    assert reopened().load_session("other") is None


def test_a_new_session_of_a_file_has_no_pieces_of_the_old_one(reopened):
    ledger = reopened()
    ledger.save_session("hash", "pid_upload_session:1", 4_194_304)
    ledger.piece_done("hash", 0)

    ledger.save_session("hash", "pid_upload_session:2", 4_194_304)
    renewed = ledger.load_session("hash")
    ledger.forget_session("hash")

    assert renewed is not None
    assert (renewed.session_id, renewed.done) == ("pid_upload_session:2", frozenset())
    assert ledger.load_session("hash") is None
