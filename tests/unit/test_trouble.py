"""When a kind of call counts as failing for everybody."""

from __future__ import annotations

from dataclasses import dataclass

from huracan_spool.stores.dropbox.trouble import A_WHILE, FAILURES, Streaks

ROUTE, OTHER = "files/list_folder", "files/get_metadata"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_many_failures_at_once_are_a_moment() -> None:
    streaks = Streaks(Clock())
    assert not any(streaks.failed(ROUTE, slow=False) for _ in range(10 * FAILURES))


def test_many_failures_over_a_while_are_for_everybody() -> None:
    clock = Clock()
    streaks = Streaks(clock)
    told = []
    for _ in range(FAILURES + 1):
        told.append(streaks.failed(ROUTE, slow=False))
        clock.now += A_WHILE / (FAILURES - 1)
    assert told == [False] * (FAILURES - 1) + [True, True]


def test_few_failures_are_for_nobody_else_however_long_ago_the_first_was() -> None:
    clock = Clock()
    streaks = Streaks(clock)
    for _ in range(FAILURES - 1):
        assert not streaks.failed(ROUTE, slow=False)
        clock.now += 3600


def test_two_that_took_minutes_are_enough() -> None:
    clock = Clock()
    streaks = Streaks(clock)
    assert not streaks.failed(ROUTE, slow=True)
    clock.now += 90
    assert streaks.failed(ROUTE, slow=True)


def test_one_that_works_ends_it_for_its_route_alone() -> None:
    clock = Clock()
    streaks = Streaks(clock)
    for route in (ROUTE, OTHER):
        for _ in range(FAILURES):
            streaks.failed(route, slow=False)
    clock.now += A_WHILE
    streaks.worked(ROUTE)
    assert not streaks.failed(ROUTE, slow=False)
    assert streaks.failed(OTHER, slow=False)
