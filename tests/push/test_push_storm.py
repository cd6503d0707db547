"""Two hosts push and a third one's daemon uploads, all to the same days; one push is killed, calls fail."""

from __future__ import annotations

import asyncio
import json
import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from archives import archive, snapshot
from in_process import a_push

from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.pushing.report import Ended
from support.hosts import HostOptions, host
from support.logbook import logs_apart
from support.runs import Run, make_run
from support.trees import expected, records, remote, without_records
from support.virtual_time import in_virtual_time, now

RUNS = 36
FAULTS = 60
PUSHES = 30
KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "refuse"},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "reset_mid_body", "after_bytes": 100},
    {"kind": "truncate", "after_bytes": 10},
    {"kind": "wrong_json", "after_effect": True},
    {"kind": "hold"},
    {"kind": "auth", "tag": "expired_access_token"},
    {"kind": "rate_limit", "tag": "too_many_write_operations"},
    {"kind": "rate_limit", "tag": "too_many_requests", "retry_after": 300},
    {"kind": "server_error", "status": 503, "after_effect": True},
    {"kind": "error", "tag": "brand_new"},
)
ROUTES = (
    *(
        "*",
        "files/upload_session/start_batch",
        "files/upload_session/append_batch",
        "files/upload_session/append_v2",
    ),
    *("files/upload_session/finish_batch_v2", "files/list_folder", "files/list_folder/continue"),
    *("files/move_batch_v2", "files/copy_batch_v2", "files/get_metadata", "files/download"),
)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_comes_in_between_every_run_ends_in_its_place(tmp_path: Path, seed: int) -> None:
    with logs_apart():
        in_virtual_time(_storm(tmp_path, seed))


async def _storm(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    crowd = [make_run(number, symbol=f"S{number % 5}/USDT") for number in range(RUNS)]
    rng.shuffle(crowd)
    of_a, of_b, of_daemon = crowd[::3], crowd[1::3], crowd[2::3]
    a, b = folder / "a", folder / "b"
    await archive(a / "Huracan", of_a, host="a")
    await archive(b / "Huracan", of_b, host="b")
    before = snapshot(a), snapshot(b)
    options = EmulatorOptions(https=None, root=folder / "dropbox", clock=lambda: 1_772_000_000.0 + now())
    async with Emulator(options) as emulator:
        for _ in range(FAULTS):
            emulator.faults.add(Fault(route=rng.choice(ROUTES), call=rng.randint(1, 40), **rng.choice(KINDS)))
        await asyncio.gather(
            _killed(a, emulator, [rng.uniform(1, 90) for _ in range(4)]),
            _pushed(b, emulator),
            _uploaded(folder / "c", emulator, of_daemon),
        )
        await _pushed(a, emulator)
        assert without_records(remote(emulator)) == expected(crowd, records(emulator))
        assert not [write for write in emulator.writes if write.op in {"overwrite", "delete"}]
    assert (_without_state(snapshot(a)), _without_state(snapshot(b))) == before


def _without_state(found: dict[str, Any]) -> dict[str, Any]:
    return {path: facts for path, facts in found.items() if "/state" not in path}


async def _killed(home: Path, emulator: Emulator, lives: list[float]) -> None:
    for seconds in lives:
        async with a_push(home, emulator) as (push, _):
            pushing = asyncio.create_task(push.run())
            await asyncio.wait([pushing], timeout=seconds)
            pushing.cancel()
            with suppress(asyncio.CancelledError, Ended):
                await pushing


async def _pushed(home: Path, emulator: Emulator) -> None:
    """Again and again until everything is there, as whoever is told to try again later does it."""
    for _ in range(PUSHES):
        async with a_push(home, emulator) as (push, report):
            with suppress(Ended):
                await push.run()
                assert not report.broken
                if not report.failed and not report.pushed:
                    return
        await asyncio.sleep(60)
    raise AssertionError(f"not done after {PUSHES} pushes: {report}")


async def _uploaded(home: Path, emulator: Emulator, runs: list[Run]) -> None:
    async with host(home, emulator, HostOptions(seed=2)) as daemon:
        for run in runs:
            for kind, data in run.contents.items():
                (daemon.site.spool / run.file(kind)).write_bytes(data)
            aside = home / run.manifest_file
            aside.write_text(json.dumps(run.manifest()))
            os.rename(aside, daemon.site.spool / run.manifest_file)
        assert await daemon.quiet(12 * 3600.0)
