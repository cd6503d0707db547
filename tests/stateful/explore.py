"""The stateful model for as long as wanted: `python tests/stateful/explore.py --minutes 30 [--seed N] [--shrink]`.

Prints every way to a broken promise, and at the end what was done. Each round is a number of examples from one
seed; the seed is printed with what was found, and `--seed N --rounds 1` goes the same way again.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from drawing import DONE
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import Machine

EXAMPLES = 10
STEPS = 40


def thorough(*, shrink: bool) -> settings:
    return settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.normal,
        report_multiple_bugs=False,
    )


def one_round(number: int, *, shrink: bool) -> bool:
    try:
        run_state_machine_as_test(seed(number)(Machine), settings=thorough(shrink=shrink))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this was looking for
        print(f"\nseed {number}: {type(error).__name__}")
        print(error, *_way(error), sep="\n", flush=True)
        return False
    return True


def _way(error: Exception) -> Iterator[str]:
    """The steps that led there."""
    lines = "\n".join(getattr(error, "__notes__", ())).splitlines()
    yield from (line for line in lines if line != "state.what_is_promised_holds()")
    if not isinstance(error, AssertionError):  # the model itself is broken, or it does not happen every time
        yield from traceback.format_exception(error)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=sys.maxsize, help=f"of {EXAMPLES} examples each, at most")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--shrink", action="store_true", help="look for a short way to what was found")
    options = parser.parse_args()
    began, rounds, broken = time.monotonic(), 0, 0
    while rounds < options.rounds and time.monotonic() - began < options.minutes * 60:
        broken += not one_round(options.seed + rounds, shrink=options.shrink)
        rounds += 1
    print(f"\n{rounds} rounds in {time.monotonic() - began:.0f} s, {broken} of them with a broken promise")
    for what, count in sorted(DONE.items()):
        print(f"{count:8} {what}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
