"""The way to Dropbox, in time that only passes when a test lets it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from standing_time import StandingTime

from huracan_spool.cli.emulator import emulator as command
from huracan_spool.emulator import PROFILES, WanProfile, parse_profile
from huracan_spool.emulator.content_hash import BLOCK_BYTES
from huracan_spool.emulator.wan import RECEIVE_BUFFER_BYTES, SLACK_SECONDS, Line, Locking, Wan, WriteLock

MIB = 1024 * 1024


class Connection(asyncio.Transport):
    """A transport that carries nothing but its socket's options."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__({"socket": end})


@pytest.fixture
def time() -> StandingTime:
    return StandingTime()


@pytest.fixture
def connections() -> Iterator[list[Connection]]:
    ends = [socket.socket() for _ in range(3)]
    yield [Connection(end) for end in ends]
    for end in ends:
        end.close()


def wan(time: StandingTime, **figures: Any) -> Wan:
    return Wan(WanProfile(**figures), time.clock, time.sleep)


async def served(wan: Wan, connection: Connection, route: str, style: str, body: int = 0, entries: int = 0) -> None:
    await wan.arrive(connection)
    for _ in range(0, body, MIB):
        await wan.upload(connection, MIB)
    await wan.serve(route, style, entries)


# Sums


def test_a_line_carries_one_piece_after_the_other() -> None:
    line = Line(100.0)

    assert [line.carry(10.0, 50), line.carry(10.0, 100), line.carry(20.0, 50)] == [
        10.5 - SLACK_SECONDS,
        11.5 - SLACK_SECONDS,
        20.5 - SLACK_SECONDS,
    ]


def test_a_reader_that_is_a_little_late_loses_nothing() -> None:
    line = Line(100.0)
    first = line.carry(10.0, 100)

    assert line.carry(first + SLACK_SECONDS / 2, 100) == first + 1.0


def test_a_line_without_a_rate_is_immediate() -> None:
    assert Line(None).carry(10.0, 10**12) == 10.0


def test_the_lock_is_first_come_first_served() -> None:
    lock = WriteLock(budget=1.0)

    assert [lock.take(now, 0.4) for now in (0.0, 0.1, 0.2, 5.0)] == [0.0, 0.4, 0.8, 5.0]


def test_who_gives_up_on_the_lock_delays_nobody() -> None:
    lock = WriteLock(budget=1.0)

    assert [lock.take(0.0, 1.5), lock.take(0.0, 1.5), lock.take(0.5, 1.5)] == [0.0, None, 1.5]


# Profiles


def test_figures_of_a_profile_can_be_changed() -> None:
    assert parse_profile("link") == PROFILES["link"]
    assert parse_profile("link,seed=3,lock_mode=per_entry,calls_per_second=12") == replace(
        PROFILES["link"], seed=3, lock_mode="per_entry", calls_per_second=12.0
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("moon", "'moon' is not one of dossier, link, heavy-lock"),
        ("link,speed=3", "'speed=3' is not NAME=VALUE"),
        ("link,seed=x", "'seed=x' needs a number"),
        ("link,lock_mode=x", "lock_mode is one of whole, per_entry"),
    ],
)
def test_a_profile_that_is_none(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_profile(text)


def test_the_command_knows_profiles() -> None:
    result = CliRunner().invoke(command, ["--wan", "moon"])

    assert (result.exit_code, "'moon' is not one of dossier, link, heavy-lock" in result.output) == (2, True)


# Calls


async def test_what_calls_cost(time: StandingTime, connections: list[Connection]) -> None:
    """Figures of `link`, and the set-up of a connection once."""
    line = Wan(replace(PROFILES["link"], rtt=0.1, connect_rtts=2), time.clock, time.sleep)
    calls = [("files/upload_session/append_v2", "upload", 13 * MIB), ("files/get_metadata", "rpc", 0)]

    took = [await time.all(time.passes(served(line, connections[0], *call))) for call in calls]

    assert [seconds for [(seconds, _)] in took] == [round(0.3 + 1.0 - SLACK_SECONDS + 0.45, 6), 0.25]


async def test_routes_and_entries_can_cost_more(time: StandingTime, connections: list[Connection]) -> None:
    line = Wan(replace(PROFILES["dossier"], rtt=0.0, sigma=0.0), time.clock, time.sleep)

    took = await time.all(
        time.passes(served(line, connections[0], "files/upload_session/append_batch", "upload", entries=10)),
        time.passes(served(line, connections[0], "files/upload_session/start_batch", "rpc", entries=10)),
    )

    assert [seconds for seconds, _ in took] == [0.415, 0.15]


async def test_connections_share_the_line(time: StandingTime, connections: list[Connection]) -> None:
    line = wan(time, connection_rate=2 * MIB, total_rate=3 * MIB)

    [(alone, _)] = await time.all(time.passes(served(line, connections[0], "a", "upload", 12 * MIB)))
    time.now += 100.0
    took = await time.all(
        *(time.passes(served(line, connection, "a", "upload", 12 * MIB)) for connection in connections)
    )

    assert alone == pytest.approx(6.0, abs=SLACK_SECONDS)
    assert [seconds for seconds, _ in took] == pytest.approx([12.0, 12.0, 12.0], abs=1.0)
    assert max(seconds for seconds, _ in took) == pytest.approx(12.0, abs=SLACK_SECONDS)


async def test_both_directions_have_a_line_of_their_own(time: StandingTime, connections: list[Connection]) -> None:
    line = wan(time, total_rate=float(MIB))

    took = await time.all(
        time.passes(line.upload(connections[0], MIB)), time.passes(line.download(connections[0], MIB))
    )

    assert [seconds for seconds, _ in took] == [1.0 - SLACK_SECONDS] * 2


async def test_a_limited_line_keeps_the_kernel_from_taking_whole_bodies(
    time: StandingTime, connections: list[Connection]
) -> None:
    await wan(time, connection_rate=1.0).arrive(connections[0])
    await wan(time).arrive(connections[1])

    limited, unlimited, untouched = (
        each.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for each in connections
    )
    assert limited != unlimited == untouched
    # The kernel doubles what it is asked for, unless the host allows less.
    assert limited <= 2 * RECEIVE_BUFFER_BYTES


async def test_jitter_is_seeded(time: StandingTime) -> None:
    async def delays(seed: int) -> list[float]:
        server = wan(time, rpc_call=1.0, sigma=0.25, seed=seed)
        return [(await time.all(time.passes(server.serve("a", "rpc"))))[0][0] for _ in range(200)]

    first = await delays(1)

    assert first == await delays(1)
    assert first != await delays(2)
    assert sorted(first)[100] == pytest.approx(1.0, abs=0.1)


# The lock


async def test_a_hold_grows_with_entries_and_blocks(time: StandingTime) -> None:
    server = wan(time, lock_single=0.2, lock_batch=0.5, lock_entry=0.1, lock_block=0.01)

    single = await time.all(time.passes(server.lock([3 * BLOCK_BYTES + 1], batch=False)))
    batch = await time.all(time.passes(server.lock([1, 2, BLOCK_BYTES], batch=True)))

    assert [single[0][0], batch[0][0]] == [0.23, 0.81]


async def test_a_batch_keeps_others_waiting_unless_it_lets_go_after_each_entry(time: StandingTime) -> None:
    figures = {"lock_single": 0.1, "lock_batch": 0.3, "lock_entry": 0.2}
    whole, per_entry = wan(time, **figures), wan(time, **figures, lock_mode="per_entry")

    async def side_by_side(server: Wan) -> list[float]:
        batch = server.lock([1, 1, 1], batch=True)
        single = server.lock([1], batch=False)
        took = await time.all(time.passes(batch), time.passes(single, start=0.1))
        return [seconds for seconds, _ in took]

    assert await side_by_side(whole) == [0.9, 1.0]
    assert await side_by_side(per_entry) == [1.0, 0.6]


async def test_entries_fail_that_waited_too_long(time: StandingTime) -> None:
    figures = {"lock_single": 2.0, "lock_entry": 0.1, "lock_wait": 1.0}
    whole, per_entry = wan(time, **figures), wan(time, **figures, lock_mode="per_entry")

    async def behind_a_long_hold(server: Wan) -> tuple[float, Locking]:
        _, behind = await time.all(server.lock([1], batch=False), time.passes(server.lock([1, 1], batch=True)))
        return behind

    assert await behind_a_long_hold(whole) == (1.0, Locking(1.0, {0, 1}))
    assert await behind_a_long_hold(per_entry) == (2.1, Locking(2.0, {0}))
