"""Downloads that break off, stall, or are read by somebody slow: of files and of zips alike."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from emulator_caller import Caller
from raw_caller import answer_to, asked

from huracan_spool.emulator import Emulator, EmulatorOptions, Fault

MIB = 1024 * 1024
ZIP, FILE = "files/download_zip", "files/download"
MODEL = random.Random(1).randbytes(3 * MIB + 1)
PATHS = {ZIP: "/run", FILE: "/run/model.bin"}


@pytest.mark.parametrize("after_bytes", [0, 100, 1_500_000])
@pytest.mark.parametrize("face", ["http_url", "https_url"])
async def test_a_truncated_zip_has_no_end(caller: Caller, after_bytes: int, face: str) -> None:
    caller.emulator.put(PATHS[FILE], MODEL)
    caller.emulator.faults.add(Fault(route=ZIP, kind="truncate", after_bytes=after_bytes))

    cut, whole = [await answer_to(caller.emulator, ZIP, PATHS[ZIP], face) for _ in "12"]

    assert b"".join(cut.chunks()) == b"".join(whole.chunks())[:after_bytes]
    assert [b"" in answer.chunks() for answer in (cut, whole)] == [False, True]


async def test_a_zip_truncated_after_its_last_byte_has_no_end_either(caller: Caller) -> None:
    """The chunk that says that this was all is missing."""
    caller.emulator.put(PATHS[FILE], MODEL)
    caller.emulator.faults.add(Fault(route=ZIP, kind="truncate", after_bytes=10**9))

    answer = await answer_to(caller.emulator, ZIP, PATHS[ZIP])

    assert (b"" in answer.chunks(), b"".join(answer.chunks())[-22:-18]) == (False, b"PK\5\6")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "refuse"},
        {"kind": "reset_before"},
        {"kind": "reset_after"},
        {"kind": "reset_mid_reply", "after_bytes": 0},
        {"kind": "reset_mid_reply", "after_bytes": 1_500_000},
        {"kind": "truncate", "after_bytes": 1_500_000},
    ],
)
@pytest.mark.parametrize("route", [ZIP, FILE])
@pytest.mark.parametrize("face", ["http_url", "https_url"])
async def test_a_download_that_breaks_off_is_noticed(
    caller: Caller, route: str, fault: dict[str, Any], face: str
) -> None:
    caller.emulator.put(PATHS[FILE], MODEL)
    caller.emulator.faults.add(Fault(route=route, **fault))
    headers = {**caller.authorisation, "Dropbox-API-Arg": json.dumps({"path": PATHS[route]})}
    tls = ssl.create_default_context(cafile=caller.emulator.ca_file)

    async with aiohttp.ClientSession(skip_auto_headers=("Content-Type",)) as session:
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            async with session.post(
                f"{getattr(caller.emulator, face)}/2/{route}", headers=headers, ssl=tls
            ) as answer:
                await answer.read()

    assert caller.emulator.calls[-1].status == (200 if fault["kind"] == "truncate" else None)
    assert caller.emulator.calls[-1].sent == fault.get("after_bytes", 0)


@pytest.mark.parametrize("at", [0, 1_500_000, 3 * MIB])
async def test_a_download_arrives_with_a_wrong_byte(caller: Caller, at: int) -> None:
    caller.emulator.put(PATHS[FILE], MODEL)
    caller.emulator.faults.add(Fault(route=FILE, kind="corrupt", after_bytes=at))

    answers = [await caller.download(PATHS[FILE]) for _ in "12"]

    wrong = [index for index, (one, other) in enumerate(zip(MODEL, answers[0].data, strict=True)) if one != other]
    assert (wrong, answers[1].data == MODEL) == ([at], True)
    assert answers[0].headers["Dropbox-API-Result"] == answers[1].headers["Dropbox-API-Result"]


@pytest.mark.parametrize("route", [ZIP, FILE])
async def test_a_download_stalls_where_it_is_told(
    caller: Caller, naps: list[tuple[float, int]], route: str
) -> None:
    caller.emulator.put(PATHS[FILE], MODEL)
    caller.emulator.faults.add(Fault(route=route, kind="stall", after_bytes=1_500_000, seconds=3600))

    answer = await caller.download(PATHS[route], route=route)

    assert (answer.status, naps) == (200, [(3600, 1_500_000)])
    assert MODEL in answer.data


@pytest.mark.parametrize("route", [ZIP, FILE])
@pytest.mark.parametrize("face", ["http_url", "https_url"])
async def test_a_download_waits_for_its_reader(caller: Caller, route: str, face: str) -> None:
    """What the kernels' buffers do not hold is not even read from the disk."""
    caller.emulator.put(PATHS[FILE], bytes(64 * MIB))
    async with asked(caller.emulator, route, PATHS[route], face) as reader:
        await reader.readuntil(b"\r\n\r\n")
        sent = await settled(caller.emulator)

        assert sent < 32 * MIB
        assert await settled(caller.emulator) == sent


async def settled(emulator: Emulator) -> int:
    """How much of the last answer was sent when for a thousand rounds of the loop nothing happened."""
    before = -1
    while emulator.calls[-1].sent != before:
        before = emulator.calls[-1].sent
        for _ in range(1000):
            await asyncio.sleep(0)
    return before


@pytest.fixture
def naps() -> list[tuple[float, int]]:
    return []


@pytest.fixture
def options(
    options: EmulatorOptions, naps: list[tuple[float, int]], request: pytest.FixtureRequest
) -> EmulatorOptions:
    """Sleep is noted, with how much of the answer had been sent."""

    async def sleep(seconds: float) -> None:
        naps.append((seconds, request.getfixturevalue("caller").emulator.calls[-1].sent))

    return replace(options, sleep=sleep)
