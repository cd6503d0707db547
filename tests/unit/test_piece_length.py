"""Pieces as long as one connection carries in some seconds."""

from __future__ import annotations

from huracan_spool.content_hash import BLOCK
from huracan_spool.stores.dropbox.piece_length import A_PIECE, PieceLength

LONGEST = 4 * BLOCK


def test_before_anything_was_measured_pieces_are_as_long_as_they_may() -> None:
    assert PieceLength(LONGEST).now() == LONGEST


def test_a_fast_line_changes_nothing() -> None:
    pieces = PieceLength(LONGEST)
    pieces.took(LONGEST, 1.0)
    assert pieces.now() == LONGEST


def test_a_slow_line_has_short_pieces_in_whole_blocks() -> None:
    pieces = PieceLength(LONGEST)
    pieces.took(LONGEST, A_PIECE * LONGEST / (2.5 * BLOCK))
    assert pieces.now() == 2 * BLOCK


def test_a_piece_is_never_shorter_than_a_block() -> None:
    pieces = PieceLength(LONGEST)
    pieces.took(LONGEST, 1e6)
    assert pieces.now() == BLOCK


def test_a_few_bytes_tell_nothing_of_the_line() -> None:
    pieces = PieceLength(LONGEST)
    pieces.took(1000, 1.0)
    assert pieces.now() == LONGEST


def test_a_line_that_gets_better_is_believed_little_by_little() -> None:
    pieces = PieceLength(LONGEST)
    pieces.took(BLOCK, A_PIECE)
    lengths = []
    for _ in range(12):
        pieces.took(LONGEST, A_PIECE)
        lengths.append(pieces.now())
    assert lengths == sorted(lengths)
    assert lengths[0] == BLOCK
    assert lengths[-1] == 3 * BLOCK  # all but there
