"""Every kind of call, spoiled in every way: a run is uploaded, or refused for a reason, or waits and says why."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cells import Cell
from matrix import all_cells, covering, reference_calls, verdicts

from support.spoilings import ROUTES

PARTS = 4
TAKEN = (0, 2)  # half of them: `matrix.py` goes through all cells


@pytest.fixture(scope="module")
def cells() -> Sequence[Cell]:
    return list(all_cells(reference_calls()))


def test_the_scenarios_make_every_kind_of_call(cells: Sequence[Cell]) -> None:
    """A new route that no scenario reaches would be in no cell."""
    assert {cell.route for cell in cells} == set(ROUTES)


@pytest.mark.parametrize("part", TAKEN)
def test_whatever_happens_to_a_call_no_run_is_lost_or_wrong(cells: Sequence[Cell], part: int) -> None:
    judged = verdicts(covering(cells)[part::PARTS])

    assert [(str(verdict.cell), verdict.problems) for verdict in judged if verdict.problems] == []
    assert [str(verdict.cell) for verdict in judged if not verdict.met] == []
