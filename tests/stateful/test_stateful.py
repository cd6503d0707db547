"""Some sixty lives of two hosts and their producers, drawn at random: the same ones every time.

`explore.py` goes on for as long as wanted.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import Machine

CI = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a shorter way is looked for by hand: `explore.py --shrink`
    suppress_health_check=list(HealthCheck),
)


def test_whatever_happens_no_run_is_lost_and_the_tree_is_right() -> None:
    run_state_machine_as_test(Machine, settings=CI)
