"""Troubles of hours and storms of troubles, in simulated time: bounded, told, and over when they are over."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from cells import emulator_in
from scenarios import hand_over

from huracan_spool.emulator import Fault
from support.hosts import HostOptions, host
from support.logbook import logs_apart
from support.runs import make_run
from support.trees import expected, records, remote, without_records
from support.virtual_time import in_virtual_time, now

HOUR = 3600.0
RUNS = 6
LONGEST_WAIT = 1200.0
LONGEST_PAUSE = {False: 60.0, True: 900.0}  # by whether a person must act
TROUBLES: dict[str, tuple[dict[str, Any], bool]] = {
    "no connection": ({"kind": "refuse"}, False),
    "bad gateway": ({"kind": "server_error", "status": 502}, False),
    "silence": ({"kind": "hold"}, False),
    "log-in page": ({"kind": "html"}, False),
    "forbidden": ({"kind": "access", "tag": "team_access_denied"}, True),
    "token revoked": ({"kind": "auth", "tag": "invalid_access_token"}, True),
}


@pytest.mark.parametrize(("fault", "person"), TROUBLES.values(), ids=TROUBLES.keys())
def test_hours_without_the_store_cost_few_calls_and_few_lines(
    tmp_path: Path, fault: dict[str, Any], person: bool
) -> None:
    """With nobody there, one probe will do."""

    async def outage() -> None:
        runs = [make_run(seed, symbol=f"S{seed % 3}/USDT") for seed in range(RUNS)]
        async with emulator_in(tmp_path / "dropbox") as emulator, host(tmp_path / "host", emulator) as daemon:
            active = emulator.faults.add(Fault(route="*", times=None, **fault))
            for run in runs:
                hand_over(run, daemon.site.spool)
            await asyncio.sleep(2 * HOUR)
            calls, lines = len(emulator.calls), len(daemon.log)
            assert calls < 30 * RUNS
            assert lines < 3 * RUNS
            await asyncio.sleep(HOUR)
            standing = daemon.service.standing()
            assert standing.pending == RUNS
            assert standing.paused
            assert len(emulator.calls) - calls < 80, "about one probe a minute, however many wait"
            assert len(daemon.log) - lines <= 2
            emulator.faults.remove(active.number)
            ended = now()
            assert await daemon.quiet(LONGEST_WAIT)
            assert now() - ended < LONGEST_PAUSE[person] + 120
            assert daemon.lines("uploads_resumed")
            assert without_records(remote(emulator)) == expected(runs, records(emulator))

    with logs_apart():
        in_virtual_time(outage())


def test_a_revoked_token_pauses_everything_with_one_line(tmp_path: Path) -> None:
    """An hour; then the token is good again and the operator says so."""

    async def outage() -> None:
        runs = [make_run(seed) for seed in range(3)]
        async with emulator_in(tmp_path / "dropbox") as emulator, host(tmp_path / "host", emulator) as daemon:
            emulator.revoke_refresh_token()
            emulator.expire_tokens()
            for run in runs:
                hand_over(run, daemon.site.spool)
            await asyncio.sleep(HOUR)
            paused = daemon.lines("uploads_paused")
            assert len(paused) <= 6, "at growing intervals"
            assert {line["reason"].split(" (")[0] for line in paused} == {"oauth2/token: 400 invalid_grant"}
            assert not daemon.lines("run_waits")
            emulator.restore_refresh_token()
            daemon.service.rescan_now()
            assert await daemon.quiet(120)
            assert daemon.lines("uploads_resumed")

    with logs_apart():
        in_virtual_time(outage())


STORM: tuple[dict[str, Any], ...] = (
    {"kind": "refuse"},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "reset_mid_body", "after_bytes": 100},
    {"kind": "truncate", "after_bytes": 10},
    {"kind": "html", "after_effect": True},
    {"kind": "wrong_json", "after_effect": True},
    {"kind": "hold"},
    {"kind": "auth", "tag": "expired_access_token"},
    {"kind": "rate_limit", "tag": "too_many_write_operations"},
    {"kind": "rate_limit", "tag": "too_many_requests", "retry_after": 300},
    {"kind": "server_error", "status": 500},
    {"kind": "server_error", "status": 503, "after_effect": True},
    {"kind": "error", "tag": "brand_new"},
)


async def storm(folder: Path, seed: int, runs: int = 40, faults: int = 60) -> None:
    """Many runs of few symbols and days at once, while anything may go wrong with any call."""
    rng = random.Random(seed)
    routes = ["*", *{fault for scenario in _ROUTES for fault in scenario}]
    crowd = [make_run(number, symbol=f"S{number % 5}/USDT") for number in range(runs)]
    async with emulator_in(folder / "dropbox") as emulator:
        async with host(folder / "host", emulator, HostOptions(seed)) as daemon:
            for _ in range(faults):
                kind = rng.choice(STORM)
                emulator.faults.add(Fault(route=rng.choice(routes), call=rng.randint(1, 40), **kind))
            for run in crowd:
                hand_over(run, daemon.site.spool)
            assert await daemon.quiet(12 * HOUR), daemon.log[-10:]
        assert not daemon.lines("internal_error", "run_failed")
        digests = records(emulator)
        assert digests.keys() == {run.name for run in crowd}
        assert without_records(remote(emulator)) == expected(crowd, digests)
        assert not [write for write in emulator.writes if write.op in {"overwrite", "delete"}]


_ROUTES = (
    ("files/upload_session/start_batch", "files/upload_session/append_batch", "files/upload_session/append_v2"),
    ("files/upload_session/finish_batch_v2", "files/list_folder", "files/list_folder/continue"),
    ("files/move_batch_v2", "files/move_batch/check_v2", "files/copy_batch_v2", "files/copy_batch/check_v2"),
    ("files/get_metadata", "files/download", "oauth2/token"),
)


@pytest.mark.parametrize("seed", range(4))
def test_a_storm_leaves_the_tree_that_a_calm_leaves(tmp_path: Path, seed: int) -> None:
    with logs_apart():
        in_virtual_time(storm(tmp_path, seed))
