"""The emulator as a process: how it announces itself, obeys from outside, and leaves."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

COMMAND = "from huracan_spool.cli.emulator import emulator; emulator()"
UPLOAD = {"Content-Type": "application/octet-stream", "Dropbox-API-Arg": '{"path":"/a"}'}


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_a_signal_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    root = tmp_path / "root"
    async with running("--root", str(root), "--token", "T") as (process, announced):
        trust = ssl.create_default_context(cafile=announced["ca_file"])
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer T"}) as session:
            async with session.post(
                f"{announced['https_url']}/2/files/upload", data=b"abc", headers=UPLOAD, ssl=trust
            ) as answer:
                assert answer.status == 200
            async with session.get(f"{announced['http_url']}/__emulator__/tree") as answer:
                tree = await answer.json()
        process.send_signal(number)
        status = await process.wait()

    assert set(announced) == {"http_url", "https_url", "ca_file", "access_token", "refresh_token", "app_key"}
    assert (status, tree["/a"]["size"], announced["access_token"]) == (0, 3, "T")
    assert root.exists()
    assert not any(root.iterdir())


async def test_an_address_that_is_not_asked_for_is_not_served() -> None:
    async with running("--http", "127.0.0.1:0") as (_, announced):
        assert announced["http_url"].startswith("http://127.0.0.1:")
        assert announced["https_url"] is None


async def test_faults_are_set_from_outside() -> None:
    async with (
        running("--http", "127.0.0.1:0") as (_, announced),
        aiohttp.ClientSession(
            announced["http_url"], headers={"Authorization": f"Bearer {announced['access_token']}"}
        ) as session,
    ):
        wrong = await session.post("/__emulator__/faults", json={"route": "*", "kind": "nonsense"})
        await session.post("/__emulator__/faults", json={"route": "*", "kind": "server_error", "times": None})
        refused = await session.post("/2/files/upload", data=b"abc", headers=UPLOAD)
        faults = await (await session.get("/__emulator__/faults")).json()
        await session.delete("/__emulator__/faults")
        done = await session.post("/2/files/upload", data=b"abc", headers=UPLOAD)
        calls = await (await session.get("/__emulator__/calls")).json()
        writes = await (await session.get("/__emulator__/writes")).json()
        missing = await session.delete("/__emulator__/faults/99")

    assert [answer.status for answer in (wrong, refused, done, missing)] == [400, 500, 200, 404]
    assert (faults[0]["hits"], faults[0]["fault"]["kind"]) == (1, "server_error")
    assert [(call["route"], call["status"], call["paths"]) for call in calls] == [
        ("files/upload", 500, ["/a"]),
        ("files/upload", 200, ["/a"]),
    ]
    assert [(write["op"], write["path"]) for write in writes] == [("add", "/a")]


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:", ":80", "127.0.0.1:70000"])
async def test_an_address_is_host_and_port(address: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "--http", address, stderr=asyncio.subprocess.PIPE
    )
    _, talk = await process.communicate()

    assert (process.returncode, b"is not HOST:PORT" in talk) == (2, True)
