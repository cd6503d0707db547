"""Dropbox's own SDK finds a Dropbox."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from huracan_spool.emulator import Emulator

SCENARIOS = Path(__file__).with_name("sdk_scenarios.py")
HOSTS = ("DROPBOX_API_HOST", "DROPBOX_API_CONTENT_HOST", "DROPBOX_API_NOTIFY_HOST")
# Old bug of requests: these win over the CA that the client was given.
DISTURBING = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}


@pytest.mark.parametrize(
    ("scenario", "seen"),
    [
        ("upload", ["/A/b.txt", "2026-01-02 03:04:05", "hi", True]),
        ("sequential", True),
        ("concurrent", True),
        ("batches", [[True, True], True, True]),
        ("listing", ["/d", "/d/a", "/d/b", "/d/c"]),
        ("downloads", [True, "/d", ["d/", "d/model/", "d/model/big"], True]),
        ("longpoll", [True, ["new"]]),
        ("relocation", [True, [True, False], "/sub/b", "FileMetadata"]),
        (
            "errors",
            [["ApiError", 32], ["BadInputError", 32], ["ApiError", 32], ["ApiError", 32], ["AuthError", 32]],
        ),
        ("refresh", ["hello", 0]),
    ],
)
async def test_the_official_sdk(emulator: Emulator, scenario: str, seen: Any) -> None:
    host = (emulator.https_url or "").removeprefix("https://")
    environment = {name: value for name, value in os.environ.items() if name not in DISTURBING}

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCENARIOS),
        scenario,
        str(emulator.ca_file),
        emulator.access_token,
        emulator.refresh_token,
        emulator.app_key,
        env={**environment, **dict.fromkeys(HOSTS, host)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()

    assert (process.returncode, json.loads(output or b"null")) == (0, seen)
