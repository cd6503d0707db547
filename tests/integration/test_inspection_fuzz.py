"""Damaged files end in a verdict: some of those that `tests/fuzz/inspection.py` tries.

What it has found stands in `tests/unit/test_inspection_models.py`, as files and not as numbers of cases.
"""

from __future__ import annotations

from fuzz.inspection import fuzz


def test_damaged_files_end_in_a_verdict() -> None:
    outcome = fuzz(seed=20251112, first=0, count=1_000)
    assert (outcome.cases, outcome.problems, outcome.deaths) == (1_000, [], [])
    assert len(outcome.verdicts) > 25
    assert outcome.verdicts["candles unreadable"] > 100
