"""Upload sessions without HTTP: what may come in, and when the whole is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from huracan_spool.emulator import EmulatorOptions
from huracan_spool.emulator.blobs import Blobs
from huracan_spool.emulator.content_hash import BLOCK_BYTES, hash_of
from huracan_spool.emulator.failures import FinishFailure, SessionFailure
from huracan_spool.emulator.nodes import File
from huracan_spool.emulator.sessions import MAX_FILE_BYTES, SESSION_SECONDS, Session, Sessions

BLOCK = bytes(BLOCK_BYTES)


class Bench:
    def __init__(self, directory: Path, *, concurrent: bool, **options: Any) -> None:
        self.blobs = Blobs(directory, 10 * BLOCK_BYTES)
        self.sessions = Sessions(EmulatorOptions(**options))
        self.session: Session = self.sessions.start(0, concurrent=concurrent)

    def append(self, offset: int, data: bytes, *, close: bool = False) -> str | None:
        try:
            self.session.admit(offset, len(data), close=close)
            self.session.store(offset, self.blobs.store(data), close=close)
        except SessionFailure as failure:
            return spelled(failure)
        return None

    def ready(self, offset: int, length: int = 0, *, in_batch: bool = False) -> str | None:
        try:
            self.session.ready(offset, length, in_batch=in_batch)
        except SessionFailure as failure:
            return f"lookup_failed/{spelled(failure)}"
        except FinishFailure as failure:
            return failure.tag
        return None


def spelled(failure: SessionFailure) -> str:
    return failure.tag if failure.correct_offset is None else f"{failure.tag}({failure.correct_offset})"


def test_a_sequential_session_takes_pieces_in_order_only(tmp_path: Path) -> None:
    bench = Bench(tmp_path, concurrent=False)

    assert [
        bench.append(0, b"abc"),
        bench.append(0, b"abc"),
        bench.append(9, b""),
        bench.append(3, b"de"),
    ] == [
        None,
        "incorrect_offset(3)",
        "incorrect_offset(3)",
        None,
    ]
    assert bench.session.content().read() == b"abcde"
    assert bench.session.content().content_hash == hash_of(b"abcde")


@pytest.mark.parametrize(
    ("retried_close", "answer"), [("closed", "closed"), ("incorrect_offset", "incorrect_offset(3)")]
)
def test_a_closed_sequential_session_takes_no_more(tmp_path: Path, retried_close: Any, answer: str) -> None:
    bench = Bench(tmp_path, concurrent=False, retried_close=retried_close)
    bench.append(0, b"abc", close=True)

    assert bench.append(0, b"abc", close=True) == answer
    assert bench.append(3, b"") == "closed"


def test_only_a_batch_asks_a_sequential_session_to_be_closed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, concurrent=False)
    bench.append(0, b"abc")

    assert (bench.ready(3), bench.ready(3, in_batch=True)) == (None, "lookup_failed/not_closed")
    assert (bench.ready(2), bench.ready(3, 5)) == ("lookup_failed/incorrect_offset(3)", None)


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_file_has_a_largest_size(tmp_path: Path, concurrent: bool) -> None:
    bench = Bench(tmp_path, concurrent=concurrent)
    bench.session.size = MAX_FILE_BYTES

    assert bench.append(MAX_FILE_BYTES, b"x", close=True) == "too_large"


def test_a_concurrent_session_takes_pieces_in_any_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path, concurrent=True)

    assert bench.append(BLOCK_BYTES, b"tail" * BLOCK_BYTES) is None
    assert bench.append(0, BLOCK) is None
    assert bench.append(5 * BLOCK_BYTES, b"odd", close=True) is None
    assert bench.ready(5 * BLOCK_BYTES + 3, in_batch=True) is None
    assert bench.session.content().content_hash == hash_of(BLOCK + b"tail" * BLOCK_BYTES + b"odd")


@pytest.mark.parametrize(
    ("offset", "length", "close", "answer"),
    [
        (1, BLOCK_BYTES, False, "concurrent_session_invalid_offset"),
        (1, 1, True, "concurrent_session_invalid_offset"),
        (0, 5, False, "concurrent_session_invalid_data_size"),
        (0, 5, True, None),
        (0, 0, True, None),
    ],
)
def test_concurrent_pieces_are_whole_blocks(
    tmp_path: Path, offset: int, length: int, close: bool, answer: str | None
) -> None:
    assert Bench(tmp_path, concurrent=True).append(offset, bytes(length), close=close) == answer


@pytest.mark.parametrize(("after_close", "answer"), [("closed", "closed"), ("accepted", None)])
def test_a_piece_that_the_closing_one_overtook(tmp_path: Path, after_close: Any, answer: str | None) -> None:
    bench = Bench(tmp_path, concurrent=True, append_after_close=after_close)
    bench.append(BLOCK_BYTES, b"end", close=True)

    assert bench.append(0, BLOCK) == answer


@pytest.mark.parametrize(
    ("resent_piece", "answer"), [("accepted", None), ("incorrect_offset", f"incorrect_offset({BLOCK_BYTES})")]
)
def test_a_concurrent_piece_sent_twice(tmp_path: Path, resent_piece: Any, answer: str | None) -> None:
    bench = Bench(tmp_path, concurrent=True, resent_piece=resent_piece)
    bench.append(0, BLOCK)

    assert bench.append(0, BLOCK) == answer


def test_a_stored_range_does_not_take_other_bytes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, concurrent=True)
    bench.append(0, BLOCK * 2)

    assert bench.append(0, b"x" * BLOCK_BYTES * 2) == "concurrent_session_invalid_offset"
    assert bench.append(BLOCK_BYTES, BLOCK) == "concurrent_session_invalid_offset"


@pytest.mark.parametrize(
    ("unclosed", "in_batch", "answer"),
    [
        ("not_closed", True, "lookup_failed/not_closed"),
        ("concurrent_session_not_closed", True, "concurrent_session_not_closed"),
        ("not_closed", False, "concurrent_session_not_closed"),
    ],
)
def test_an_unclosed_concurrent_session(tmp_path: Path, unclosed: Any, in_batch: bool, answer: str) -> None:
    bench = Bench(tmp_path, concurrent=True, unclosed_concurrent=unclosed)
    bench.append(0, BLOCK)

    assert bench.ready(BLOCK_BYTES, in_batch=in_batch) == answer


def test_what_else_a_concurrent_finish_refuses(tmp_path: Path) -> None:
    bench = Bench(tmp_path, concurrent=True)
    bench.append(BLOCK_BYTES, b"end", close=True)

    assert bench.ready(BLOCK_BYTES + 3, 1) == "concurrent_session_data_not_allowed"
    assert bench.ready(BLOCK_BYTES + 3) == "concurrent_session_missing_data"

    whole = Bench(tmp_path, concurrent=True)
    whole.blobs = bench.blobs
    whole.append(0, b"end", close=True)
    assert whole.ready(2) == "lookup_failed/incorrect_offset(3)"


def test_sessions_die_after_seven_days_however_busy(tmp_path: Path) -> None:
    bench = Bench(tmp_path, concurrent=False)

    assert bench.sessions.find(bench.session.id, SESSION_SECONDS) is bench.session
    with pytest.raises(SessionFailure, match="not_found"):
        bench.sessions.find(bench.session.id, SESSION_SECONDS + 1)
    with pytest.raises(SessionFailure, match="not_found"):
        bench.sessions.find("garbage", 0)


@pytest.mark.parametrize(
    ("profile", "failure", "replayed"),
    [("gone", "not_found", False), ("closed", "closed", False), ("replayed", "closed", True)],
)
def test_a_finished_session_by_profile(tmp_path: Path, profile: Any, failure: str, replayed: bool) -> None:
    bench = Bench(tmp_path, concurrent=False, finished_session=profile)
    file: Any = File.__new__(File)
    bench.sessions.finish(bench.session, file)

    assert (bench.sessions.replayed(bench.session.id) is file) is replayed
    with pytest.raises(SessionFailure, match=failure):
        bench.sessions.find(bench.session.id, 0)
