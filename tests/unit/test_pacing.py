from __future__ import annotations

import asyncio
import itertools

import pytest

from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate, Freeze, Timetable


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def rate_of(time: FakeTime, per_second: float = 10.0) -> CallRate:
    return CallRate(per_second, clock=time, sleep=time.sleep)


async def when_served(rate: CallRate, time: FakeTime) -> float:
    await rate.turn()
    return round(time.now - 1000.0, 6)


async def test_a_run_s_few_calls_go_out_together_and_further_ones_are_spaced(time):
    rate = rate_of(time)

    turns = await asyncio.gather(*[when_served(rate, time) for _ in range(6)])

    assert turns == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


async def test_a_long_rest_is_not_saved_up_for_a_longer_burst(time):
    rate = rate_of(time)
    await rate.turn()
    time.now += 60

    turns = await asyncio.gather(*[when_served(rate, time) for _ in range(5)])

    assert turns == [60.0, 60.0, 60.0, 60.1, 60.2]


async def test_rejections_make_calls_rarer_and_good_calls_bring_the_usual_rate_back(time):
    rate = rate_of(time)
    rate.slow_down()
    rate.slow_down()

    turns = await asyncio.gather(*[when_served(rate, time) for _ in range(200)])

    spaces = [after - before for before, after in itertools.pairwise(turns[3:])]
    assert spaces[0] > 0.2
    assert spaces[-1] == pytest.approx(0.1)


async def test_a_freeze_holds_everybody_back_and_then_lets_them_out_spaced(time):
    rate = rate_of(time)
    rate.freeze(300, "too_many_requests")

    turns = await asyncio.gather(*[when_served(rate, time) for _ in range(3)])

    assert turns == [300.0, 300.1, 300.2]


async def test_a_freeze_reaches_those_who_already_wait(time):
    rate = rate_of(time, per_second=1)
    for _ in range(3):
        await rate.turn()

    async def freeze_while_sleeping(seconds: float) -> None:
        rate._sleep = time.sleep
        rate.freeze(20, "too_many_requests")
        await time.sleep(seconds)

    rate._sleep = freeze_while_sleeping
    assert await when_served(rate, time) == 20.0


async def test_a_freeze_is_visible_with_its_reason_while_it_lasts(time):
    rate = rate_of(time)
    rate.freeze(300, "too_many_requests")
    rate.freeze(1, "too_many_write_operations")

    assert rate.frozen == Freeze(1300.0, "too_many_requests")
    assert rate.frozen_until == 1300.0

    time.now += 300
    assert rate.frozen is None
    assert rate.frozen_until is None


async def test_a_cancelled_waiter_does_not_use_up_a_turn(time):
    rate = rate_of(time)
    await rate.turn()
    waiting = asyncio.create_task(rate.turn())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    before = time.now
    await rate.turn()
    assert time.now - before <= 0.1


async def test_bytes_keep_their_rate_whatever_the_chunks(time):
    bandwidth = Bandwidth(1_000_000, clock=time, sleep=time.sleep)

    for size in [500_000, 1, 499_999, 3_000_000, 0, 1_000_000]:
        await bandwidth.take(size)
    await bandwidth.take(1)

    assert time.now - 1000.0 == pytest.approx(5.0)


async def test_bodies_share_the_line_in_turns(time):
    bandwidth = Bandwidth(100, clock=time, sleep=time.sleep)
    served: list[str] = []

    async def body(name: str) -> None:
        for _ in range(10):
            await bandwidth.take(50)
            served.append(name)

    await asyncio.gather(body("a"), body("b"))

    leads = [served[:n].count("a") - served[:n].count("b") for n in range(1, 20)]
    assert max(map(abs, leads)) <= 2


async def test_no_limit_never_waits(time):
    bandwidth = Bandwidth(None, clock=time, sleep=time.sleep)

    for _ in range(3):
        await bandwidth.take(10**12)

    assert time.now == 1000.0
    assert bandwidth.grain is None


async def test_a_timetable_is_read_again_for_every_chunk(time):
    minute = [7 * 60]
    timetable = Timetable(((8 * 60, 1000), (19 * 60, None)))
    bandwidth = Bandwidth(timetable, clock=time, sleep=time.sleep, local_minute=lambda: minute[0])

    await bandwidth.take(5000)
    await bandwidth.take(5000)
    assert time.now == 1000.0

    minute[0] = 8 * 60
    await bandwidth.take(5000)
    await bandwidth.take(1)
    assert time.now == 1005.0

    minute[0] = 19 * 60
    await bandwidth.take(5000)
    assert time.now == 1005.0


@pytest.mark.parametrize(
    ("minute", "rate"),
    [(0, None), (479, None), (480, 10), (481, 10), (1139, 10), (1140, None), (1439, None)],
)
def test_a_timetable_holds_from_its_time_to_the_next_and_over_midnight(minute, rate):
    assert Timetable(((480, 10), (1140, None))).rate_at(minute) == rate


def test_an_empty_timetable_is_no_limit():
    assert Timetable(()).rate_at(5) is None


@pytest.mark.parametrize(("rate", "grain"), [(100, 1024), (400_000, 100_000)])
def test_a_grain_is_a_quarter_of_a_second(rate, grain):
    assert Bandwidth(rate).grain == grain
