"""Several producer processes at once, and what they say they published."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from support.producer_process import Published
from support.programs import environ
from support.waiting import within

PROGRAM = Path(__file__).with_name("producer_process.py")


async def train(spool: Path, runs: int, processes: int, size: str) -> list[Published]:
    """`runs` different runs, dropped by `processes` processes at the same time."""
    share = runs // processes
    assert share * processes == runs
    hosts = [_host(spool, number * share, share, size) for number in range(processes)]
    return [run for published in await asyncio.gather(*hosts) for run in published]


async def _host(spool: Path, first: int, count: int, size: str) -> list[Published]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), str(spool), str(first), str(count), size),
        env=environ(POLARS_MAX_THREADS="1"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await within(process.communicate(), "the producers", deadline=600)
    assert process.returncode == 0
    return parse(out.decode().splitlines())


def parse(lines: Sequence[str]) -> list[Published]:
    return [Published(**json.loads(line)) for line in lines]
