"""The instruments by hand-made times."""

from __future__ import annotations

import pytest

from huracan_spool import words
from huracan_spool.measures import Histogram, Speed, Throughput


def test_a_value_on_a_bound_counts_below_it() -> None:
    seconds = Histogram((1, 5))
    for value in (0.5, 1, 3, 99):
        seconds.observe(value)
    assert (list(seconds.cumulative()), seconds.count, seconds.total) == ([(1, 2), (5, 3)], 4, 103.5)


def test_a_speed_is_of_the_last_ten_seconds() -> None:
    speed = Speed()
    for second in range(30):
        speed.note(second, second * 100)
    speed.note(30, 2900)
    assert speed.at(30, 2900) == pytest.approx(90)
    assert speed.at(60, 2900) == pytest.approx(0)


def test_a_speed_forgets_what_is_older_than_its_window() -> None:
    speed = Speed()
    for tick in range(100_000):
        speed.note(tick / 100, tick)
    assert len(speed._marks) < 30


def test_nothing_has_no_speed() -> None:
    assert Speed().at(5.0, 0) == 0.0


def test_throughput_is_by_whole_slots_and_forgets_the_oldest() -> None:
    bytes_ = Throughput(width=10, slots=3)
    for now, count in ((5, 1000), (15, 10), (16, 30), (41, 70), (42, 1)):
        bytes_.add(now, count)
    assert bytes_.rates(45) == [4.0, 0.0, 0.0]
    assert bytes_.rates(51) == [0.0, 0.0, 7.1]
    assert bytes_.rates(1000) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (12_345, "12.3 kB"),
        (999_600, "1.00 MB"),
        (5_368_709_120, "5.37 GB"),
        (10**18, "1000 PB"),
    ],
)
def test_sizes_have_three_digits(count: int, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (7.4, "7 s"),
        (59.7, "1 min"),
        (150, "2 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400 * 3 + 3700, "3 d 1 h"),
        (86400 * 400, "400 d"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_what_was_a_moment_ago_was_just_now() -> None:
    assert [words.ago(seconds) for seconds in (-3, 1.9, 65)] == ["just now", "just now", "1 min ago"]
