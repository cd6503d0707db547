"""`submit`: a run from the shell, or a reason why not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.bad_runs import STRANGER
from support.runs import make_run
from support.site import Finished, Site

AT = ("--trained-at", "2025-11-12T08:00:00Z")


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.json"
    path.write_text('{"sharpe_ratio": 1.2}')
    return path


@pytest.fixture
def submitted(site: Site) -> Site:
    site.spool.mkdir(mode=0o770)
    return site


async def _submit(site: Site, metrics: Path, *more: str) -> Finished:
    return await site.command("submit", "SOL/USDT", *AT, "--metrics", str(metrics), *more)


def _manifest(site: Site, run: str) -> Any:
    return json.loads(_bytes(site.spool / f"{run}.manifest.json"))


def _bytes(path: Path) -> bytes:
    return path.read_bytes()


def _inodes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


async def test_it_prints_the_runs_name_and_leaves_the_files_where_they_are(submitted: Site, metrics: Path) -> None:
    done = await _submit(submitted, metrics)
    assert (done.code, done.out) == (0, "SOL_USDT_20251112_080000\n"), done.err
    manifest = _manifest(submitted, "SOL_USDT_20251112_080000")
    assert (manifest["version"], manifest["symbol"], manifest["trained_at"]) == (1, "SOL/USDT", AT[1])
    assert _bytes(submitted.spool / manifest["artifacts"]["metrics"]["file"]) == _bytes(metrics)


async def test_with_json_it_prints_an_object(submitted: Site, metrics: Path) -> None:
    done = await _submit(submitted, metrics, "--json", "--run", "mine")
    assert done.json["run"] == "mine"
    assert done.json["manifest"] == str(submitted.spool / "mine.manifest.json")
    assert _manifest(submitted, "mine")["symbol"] == "SOL/USDT"


async def test_a_name_that_is_taken_is_not_replaced(submitted: Site, metrics: Path) -> None:
    await _submit(submitted, metrics)
    before = _inodes(submitted.spool)
    again = await _submit(submitted, metrics)
    assert again.code == 75
    assert "--run" in again.err
    assert _inodes(submitted.spool) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("SOL/USDT",), "--metrics"),
        (("S O L", "--metrics", "{file}"), "SOL/USDT"),
        (("SOL/USDT", "--trained-at", "yesterday", "--metrics", "{file}"), "2025-11-12T16:49:20Z"),
        (("SOL/USDT", "--metadata", "[1]", "--metrics", "{file}"), "JSON object"),
        (("SOL/USDT", "--metadata", "{{", "--metrics", "{file}"), "JSON"),
        (("SOL/USDT", "--run", "../x", "--metrics", "{file}"), "--run"),
        (("SOL/USDT", "--metrics", "/nowhere"), "/nowhere"),
        ((), "SYMBOL"),
    ],
)
async def test_what_is_wrong_with_the_command_is_said(
    submitted: Site, metrics: Path, arguments: tuple[str, ...], says: str
) -> None:
    filled = [each.replace("{file}", str(metrics)) for each in arguments]
    done = await submitted.command("submit", *filled)
    assert (done.code, done.out) == (64, "")
    assert says in done.err
    assert submitted.in_spool() == set()


async def test_without_a_spool_it_says_so(site: Site, metrics: Path) -> None:
    done = await _submit(site, metrics)
    assert done.code == 75
    assert str(site.spool) in done.err
    assert not site.spool.exists()


async def test_somebody_who_may_not_write_there_is_told_of_the_group(submitted: Site, metrics: Path) -> None:
    os.chown(submitted.spool, STRANGER, STRANGER)
    powerless = await submitted.command(
        "submit", "SOL/USDT", "--metrics", str(metrics), wrapper=("setpriv", "--bounding-set=-all")
    )
    assert powerless.code == 77
    assert "huracan" in powerless.err


async def test_a_submitted_run_of_every_kind_is_uploaded(site: Site, tmp_path: Path) -> None:
    run = make_run()
    options = []
    for kind, data in run.contents.items():
        (tmp_path / run.file(kind)).write_bytes(data)
        options += [f"--{kind}", str(tmp_path / run.file(kind))]
    async with site.daemon() as daemon:
        done = await site.command("submit", run.symbol, *AT, *options)
        await daemon.settled(done.out.strip())
    assert site.receipt(run.name)["results"] == {
        "model": True,
        "metrics": True,
        "features": True,
        "candle_data": True,
        "trades": True,
    }
