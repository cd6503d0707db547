"""A table that is wider than the terminal, in pieces that are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_KEPT = 2  # columns that every piece begins with: the metric, and the run that the others are compared with
_TOGETHER = 2  # columns that stay together: a run and its difference
_GAP = "  "


def side_by_side(rows: Sequence[Sequence[str]], room: int) -> str:
    """Rows of cells, the heads first, as lines of at most `room` characters, if that can be."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    pieces = ["\n".join(_line(row, places, widths) for row in rows) for places in _pieces(widths, room)]
    return "\n\n".join(pieces)


def _pieces(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    kept = list(range(min(_KEPT, len(widths))))
    piece = kept
    for place in range(_KEPT, len(widths), _TOGETHER):
        pair = list(range(place, place + _TOGETHER))
        if piece != kept and _width(piece + pair, widths) > room:
            yield piece
            piece = kept
        piece = piece + pair
    yield piece


def _width(places: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[place] + len(_GAP) for place in places) - len(_GAP)


def _line(row: Sequence[str], places: Sequence[int], widths: Sequence[int]) -> str:
    """Names to the left, values to the right."""
    name, *values = (
        row[place].ljust(widths[place]) if place == 0 else row[place].rjust(widths[place]) for place in places
    )
    return _GAP.join([name, *values]).rstrip()
