from __future__ import annotations

import random

import pytest

from huracan_spool.errors import NeedsPerson, StoreError, TryAgain, Unknown, Unreachable
from huracan_spool.retry import CallRetry, call_backoff, run_backoff


class Highest(random.Random):
    """Draws the upper end of every range."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002
        return b


class Failing:
    """Raises the given errors one after the other, then returns."""

    def __init__(self, *errors: StoreError) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


class Sleeper:
    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def retry_with(sleeper: Sleeper, attempts: int = 6) -> CallRetry:
    return CallRetry(first=0.5, maximum=4.0, attempts=attempts, sleep=sleeper, rng=Highest())


async def test_the_ceiling_doubles_up_to_the_maximum():
    sleeper = Sleeper()

    assert await retry_with(sleeper)(Failing(*[TryAgain("busy")] * 5)) == "done"

    assert sleeper.slept == [0.5, 1.0, 2.0, 4.0, 4.0]


async def test_the_last_error_comes_out_when_the_attempts_are_used_up():
    call = Failing(TryAgain("one"), Unreachable("two"), TryAgain("three"), TryAgain("four"))

    with pytest.raises(TryAgain, match="three"):
        await retry_with(Sleeper(), attempts=3)(call)

    assert call.calls == 3


@pytest.mark.parametrize("error", [Unknown("lost"), NeedsPerson("revoked")])
async def test_only_what_may_be_tried_again_is_tried_again(error):
    call = Failing(error)

    with pytest.raises(type(error)):
        await retry_with(Sleeper())(call)

    assert call.calls == 1


class Slow(TryAgain):
    most_attempts = 2


async def test_a_call_that_fails_slowly_is_made_once_more_and_no_further():
    call = Failing(*[Slow("nothing moved")] * 5)

    with pytest.raises(Slow):
        await retry_with(Sleeper())(call)

    assert call.calls == 2


async def test_the_servers_wish_is_waited_out_in_full_and_a_little_more():
    sleeper = Sleeper()

    await retry_with(sleeper)(Failing(TryAgain("limited", retry_after=300.0), TryAgain("busy")))

    assert sleeper.slept == [300.5, 1.0]


def test_calls_that_failed_together_are_spread_over_the_whole_wait():
    rng = random.Random(7)

    waits = [call_backoff(4, 0.5, 60.0, rng) for _ in range(1000)]

    assert all(0 <= wait <= 4.0 for wait in waits)
    assert min(waits) < 0.1
    assert max(waits) > 3.9


def test_a_run_waits_between_half_and_all_of_its_ceiling():
    rng = random.Random(7)

    waits = [run_backoff(3, 5.0, 900.0, rng) for _ in range(1000)]

    assert all(10.0 <= wait <= 20.0 for wait in waits)


@pytest.mark.parametrize("attempt", [20, 10_000])
def test_a_run_that_has_failed_for_weeks_still_waits_the_maximum(attempt):
    assert run_backoff(attempt, 5.0, 900.0, Highest()) == 900.0
