"""Which run a date or a time stands for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from shelves import FIRST, SYMBOL, Kept, frame_of

from huracan_spool.archive.choosing import choose

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
RUNS = frame_of(
    [
        Kept(FIRST, superseded=True),
        Kept(FIRST + HOUR),
        Kept(FIRST + DAY),
        Kept(FIRST + DAY, superseded=True),  # in the same second, with a smaller digest
        Kept(FIRST + 2 * DAY, superseded=True),  # the one that superseded it is gone
    ]
)


def test_a_date_is_the_latest_run_of_the_day_and_never_a_superseded_one() -> None:
    assert choose(RUNS, SYMBOL, FIRST.date()) == 1
    assert choose(RUNS, SYMBOL, (FIRST + DAY).date()) == 2
    assert choose(RUNS, SYMBOL) == 2


def test_a_time_is_the_run_of_that_time_even_if_it_is_superseded() -> None:
    assert choose(RUNS, SYMBOL, FIRST) == 0
    assert choose(RUNS, SYMBOL, FIRST + 2 * DAY) == 4


def test_in_a_second_with_two_runs_the_latest_is_meant() -> None:
    assert choose(RUNS, SYMBOL, FIRST + DAY) == 2


@pytest.mark.parametrize("asked", [(FIRST + 2 * DAY).date(), FIRST + HOUR / 2, FIRST.date() - DAY])
def test_what_is_not_there_is_a_lookup_error(asked: object) -> None:
    with pytest.raises(LookupError, match=f"of {str(asked)[:10]}"):
        choose(RUNS, SYMBOL, asked)  # type: ignore[arg-type]
