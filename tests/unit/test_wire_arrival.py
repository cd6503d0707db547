from __future__ import annotations

import json

import pytest

from huracan_spool.errors import Refused, StoreError, TryAgain, Unreachable
from huracan_spool.stores.dropbox.arrival import all_appended, appended
from huracan_spool.stores.dropbox.classify import SessionClosed, SessionGone, WrongOffset
from huracan_spool.stores.dropbox.entries import Cursor, Piece
from huracan_spool.stores.dropbox.reply import Reply

OPEN = Piece(Cursor("x", 100), 50, close=False)
CLOSING = Piece(Cursor("x", 100), 50, close=True)


def offset(correct: int) -> dict[str, object]:
    return {".tag": "incorrect_offset", "correct_offset": correct}


CLOSED = {".tag": "closed"}
GONE = {".tag": "not_found"}

# The piece, what the session answers, the outcome of the first try and of a repetition.
TABLE = [
    pytest.param(OPEN, None, None, None, id="taken"),
    pytest.param(OPEN, offset(150), None, None, id="the end: it had arrived"),
    pytest.param(CLOSING, offset(150), None, None, id="the end, closing: it had arrived"),
    pytest.param(OPEN, offset(100), TryAgain, TryAgain, id="the very offset: again"),
    pytest.param(OPEN, offset(120), WrongOffset, WrongOffset, id="between"),
    pytest.param(OPEN, offset(0), WrongOffset, WrongOffset, id="below"),
    pytest.param(OPEN, offset(200), WrongOffset, WrongOffset, id="beyond"),
    pytest.param(CLOSING, CLOSED, SessionClosed, None, id="closed by the first try"),
    pytest.param(OPEN, CLOSED, SessionClosed, SessionClosed, id="closed by nobody we know"),
    pytest.param(CLOSING, GONE, SessionGone, SessionGone, id="gone"),
    pytest.param(CLOSING, {".tag": "too_large"}, Refused, Refused, id="too large"),
    pytest.param(CLOSING, {".tag": "brand_new"}, TryAgain, TryAgain, id="an unknown tag"),
]


def kind_of(outcome: StoreError | None) -> type | None:
    return None if outcome is None else type(outcome)


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize(("piece", "error", "first", "again"), TABLE)
def test_one_append_arrived_or_says_what_is_left(piece, error, first, again, repeated):
    answer = Reply(200, {}, b"null") if error is None else Reply(409, {}, json.dumps({"error": error}).encode())
    expected = again if repeated else first

    if expected is None:
        appended(piece, answer, repeated=repeated)
    else:
        with pytest.raises(expected):
            appended(piece, answer, repeated=repeated)


@pytest.mark.parametrize(("repeated", "column"), [(False, 2), (True, 3)])
def test_in_a_batch_every_piece_is_judged_by_itself(repeated, column):
    pieces = [case.values[0] for case in TABLE]
    errors = [case.values[1] for case in TABLE]
    entries = [{".tag": "success"} if error is None else {".tag": "failure", "failure": error} for error in errors]
    answer = Reply(200, {}, json.dumps({"entries": entries}).encode())

    outcomes = all_appended(pieces, answer, repeated=repeated)

    assert [kind_of(outcome) for outcome in outcomes] == [case.values[column] for case in TABLE]


def test_an_entry_that_can_not_be_read_is_tried_again_without_hiding_the_others():
    entries = [{".tag": "success"}, {".tag": "brand_new"}, "success", None]
    answer = Reply(200, {}, json.dumps({"entries": entries}).encode())

    outcomes = all_appended([OPEN] * 4, answer, repeated=False)

    assert [kind_of(outcome) for outcome in outcomes] == [None, Unreachable, None, Unreachable]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"entries": []}'])
def test_a_batch_whose_answer_can_not_be_read_is_repeated_as_a_whole(body):
    with pytest.raises(TryAgain):
        all_appended([OPEN], Reply(200, {}, body), repeated=False)
