"""What a push waits for, for how long, and what it says meanwhile; in simulated time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from archives import archive, bytes_below, bytes_in
from in_process import ANY, a_push, tools

from huracan_spool.cli.progress import Shown
from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.pushing.push import Push
from huracan_spool.pushing.report import End, Ended, Report
from huracan_spool.threads import alongside
from support.logbook import logs_apart, open_book
from support.runs import make_run
from support.virtual_time import in_virtual_time, now

FINISH = "files/upload_session/finish_batch_v2"
APPEND = "files/upload_session/append_v2"
Work = Callable[[Emulator], Coroutine[Any, Any, None]]


def with_emulator(folder: Path, work: Work) -> None:
    async def main() -> None:
        options = EmulatorOptions(https=None, root=folder / "dropbox", clock=lambda: 1_772_000_000.0 + now())
        async with Emulator(options) as emulator:
            await work(emulator)

    with logs_apart():
        in_virtual_time(main())


async def reasons(push: Push, seen: set[str]) -> None:
    while True:
        await asyncio.sleep(0.5)
        if why := push.waits_because():
            seen.add(why)


async def ran(push: Push) -> tuple[set[str], Exception | None]:
    """The reasons that it showed for waiting, and what it ended with."""
    seen: set[str] = set()
    looking = asyncio.create_task(reasons(push, seen))
    try:
        await push.run()
    except Ended as ended:
        return seen, ended
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    return seen, None


@pytest.mark.parametrize("kind", ["refuse", "hold"])
def test_an_account_that_nobody_reaches_is_given_up_after_minutes(tmp_path: Path, kind: Any) -> None:
    async def work(emulator: Emulator) -> None:
        await archive(tmp_path / "Huracan", [make_run(hour, symbol=f"S{hour}/USDT") for hour in range(9)])
        emulator.faults.add(Fault(route="*", kind=kind, times=None))
        log = open_book()
        async with a_push(tmp_path, emulator) as (push, report):
            _, ended = await ran(push)
        assert isinstance(ended, Ended)
        assert (ended.end, report.pushed, report.failed) == (End.UNREACHABLE, [], [])
        assert 180 < now() < 1200
        assert len(emulator.calls) < 60
        assert {line["event"] for line in log} == {"uploads_paused"}

    with_emulator(tmp_path, work)


@pytest.mark.parametrize("route", ["*", FINISH, "files/list_folder"])
def test_an_outage_in_the_middle_is_waited_out(tmp_path: Path, route: str) -> None:
    async def work(emulator: Emulator) -> None:
        runs = [make_run(hour, symbol=f"S{number}/USDT") for number in range(30) for hour in (0, 1)]
        await archive(tmp_path / "Huracan", runs)
        outage = emulator.faults.add(Fault(route=route, kind="refuse", call=2, times=None))
        async with a_push(tmp_path, emulator) as (push, report):
            asyncio.get_running_loop().call_later(100.0, emulator.faults.remove, outage.number)
            seen, ended = await ran(push)
        assert (ended, len(report.pushed), report.failed, report.broken) == (None, len(runs), [], [])
        assert seen
        assert bytes_in(emulator) == bytes_below(tmp_path / "Huracan")

    with_emulator(tmp_path, work)


def test_without_a_terminal_there_is_a_line_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(emulator: Emulator) -> None:
        await archive(tmp_path / "Huracan", [make_run()])
        outage = emulator.faults.add(Fault(route=FINISH, kind="refuse", times=None))
        asyncio.get_running_loop().call_later(100.0, emulator.faults.remove, outage.number)
        async with tools(tmp_path / "state", emulator) as used:
            report = Report()
            push = Push(used, tmp_path / "Huracan", ANY, report)
            async with alongside(Shown(push, report, used.activity).keep_up()):
                await push.run()
                await asyncio.sleep(2.0)

    with_emulator(tmp_path, work)
    out, lines = capsys.readouterr()
    assert out == ""
    assert 3 <= len(lines.splitlines()) < 9
    assert "waits: " in lines
    assert lines.splitlines()[-1].startswith("1 of 1 folder, 1 run pushed, 0 there already, 0 broken, ")


def test_as_long_as_a_large_file_gets_on_nobody_gives_up(tmp_path: Path) -> None:
    """No run gets through for a quarter of an hour, but now and then a piece does."""

    async def work(emulator: Emulator) -> None:
        run = make_run()
        large = replace(run, contents={**run.contents, "model": random.Random(1).randbytes(40 * 1024 * 1024)})
        await archive(tmp_path / "Huracan", [large])
        trouble = asyncio.create_task(_hardly_a_line(emulator))
        async with a_push(tmp_path, emulator) as (push, report):
            _, ended = await ran(push)
        trouble.cancel()
        assert (ended, len(report.pushed), now() > 600) == (None, 1, True)

    with_emulator(tmp_path, work)


async def _hardly_a_line(emulator: Emulator) -> None:
    """Every hundred seconds one call with bytes is answered, or a few that come at the same time."""
    while True:
        active = emulator.faults.add(Fault(route=APPEND, kind="server_error", status=502, times=None))
        await asyncio.sleep(100.0)
        emulator.faults.remove(active.number)
        before = _answered(emulator)
        while _answered(emulator) == before:  # noqa: ASYNC110 - it happens in a handler of the emulator
            await asyncio.sleep(0.01)


def _answered(emulator: Emulator) -> int:
    return sum(call.route == APPEND and call.status == 200 for call in emulator.calls)


def test_an_account_that_can_t_be_listed_ends_it_for_now(tmp_path: Path) -> None:
    async def work(emulator: Emulator) -> None:
        await archive(tmp_path / "Huracan", [make_run()])
        emulator.faults.add(Fault(route="files/list_folder", kind="error", tag="brand_new", times=None))
        async with a_push(tmp_path, emulator) as (push, _):
            _, ended = await ran(push)
        assert isinstance(ended, Ended)
        assert (ended.end, "brand_new" in str(ended)) == (End.LATER, True)

    with_emulator(tmp_path, work)


def test_what_dropbox_asks_to_wait_is_shown_with_its_reason(tmp_path: Path) -> None:
    async def work(emulator: Emulator) -> None:
        await archive(tmp_path / "Huracan", [make_run()])
        emulator.faults.add(Fault(route=FINISH, kind="rate_limit", tag="too_many_requests", retry_after=90))
        async with a_push(tmp_path, emulator) as (push, report):
            seen, ended = await ran(push)
        assert (ended, len(report.pushed)) == (None, 1)
        assert any(why.startswith("Dropbox asks to wait 89 s: ") and "too_many_requests" in why for why in seen)

    with_emulator(tmp_path, work)


def test_a_log_in_that_is_revoked_while_everybody_waits_ends_it(tmp_path: Path) -> None:
    """Nobody but the probe finds out."""

    async def work(emulator: Emulator) -> None:
        await archive(tmp_path / "Huracan", [make_run()])
        outage = emulator.faults.add(Fault(route=FINISH, kind="refuse", times=None))
        emulator.faults.add(Fault(route="files/get_metadata", kind="auth", tag="invalid_access_token", times=None))
        async with a_push(tmp_path, emulator) as (push, _):
            _, ended = await ran(push)
        assert outage.hits
        assert isinstance(ended, Ended)
        assert (ended.end, "auth login" in ended.hint) == (End.NOT_PERMITTED, True)

    with_emulator(tmp_path, work)


def test_strangers_at_a_runs_places_are_waited_for_and_put_aside(tmp_path: Path) -> None:
    async def work(emulator: Emulator) -> None:
        run = make_run()
        await archive(tmp_path / "Huracan", [run])
        place = "/Huracan/models/training/2025-11-12/SOL-USDT/metrics/training_metrics.json"
        emulator.put(place, b"{}")
        async with a_push(tmp_path, emulator) as (push, report):
            seen, ended = await ran(push)
        assert (ended, len(report.pushed)) == (None, 1)
        assert any("files that no run claims are in the way" in why for why in seen)
        assert bytes_below(tmp_path / "Huracan").items() <= bytes_in(emulator).items()
        assert b"{}" in bytes_in(emulator).values()

    with_emulator(tmp_path, work)
