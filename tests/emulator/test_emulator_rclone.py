"""rclone, made by others for the real service, finds a Dropbox.

It talks to api.dropboxapi.com and content.dropboxapi.com; a CONNECT proxy leads both to the emulator.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from connect_proxy import ConnectProxy

from huracan_spool.emulator import Emulator
from huracan_spool.emulator.content_hash import hash_of

RCLONE = shutil.which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

pytestmark = [
    pytest.mark.skipif(RCLONE is None, reason="rclone is not installed"),
    # It declares no length for what it streams, and a type for what it downloads.
    pytest.mark.options(chunked_bodies=True, download_content_type=True),
]


@dataclass(frozen=True)
class Rclone:
    environment: dict[str, str]

    async def run(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            str(RCLONE),
            *arguments,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, talk = await process.communicate()
        assert process.returncode == 0, talk.decode()
        return output.decode()


@pytest.fixture
async def rclone(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Rclone]:
    port = int((emulator.https_url or "").rpartition(":")[2])
    token = {"access_token": emulator.access_token, "token_type": "bearer", "expiry": "2100-01-01T00:00:00Z"}
    async with ConnectProxy(port) as proxy:
        yield Rclone(
            {
                "HTTPS_PROXY": proxy.url,
                "HOME": str(tmp_path),
                "RCLONE_CONFIG": str(tmp_path / "none.conf"),
                "RCLONE_CA_CERT": str(emulator.ca_file),
                "RCLONE_RETRIES": "1",
                "RCLONE_LOW_LEVEL_RETRIES": "1",
                "RCLONE_CONFIG_DBX_TYPE": "dropbox",
                "RCLONE_CONFIG_DBX_TOKEN": json.dumps(token),
            }
        )
        assert proxy.hosts <= {"api.dropboxapi.com:443", "content.dropboxapi.com:443"}


@pytest.fixture
def folder(tmp_path: Path, name: str) -> Path:
    source = tmp_path / "source"
    (source / "BTC USDT").mkdir(parents=True)
    (source / "BTC USDT" / "model.pt").write_bytes(random.Random(1).randbytes(10 * 1024 * 1024))
    (source / "BTC USDT" / name).write_bytes(b'{"a": 1}')
    (source / "empty.csv").write_bytes(b"")
    return source


# Without batches rclone 1.75 puts names into a header as raw UTF-8, against Dropbox's rule of ASCII only.
@pytest.mark.parametrize(("batch_mode", "name"), [("sync", "métrics.json"), ("off", "metrics.json")])
async def test_rclone_copies_there_and_back(
    rclone: Rclone, emulator: Emulator, folder: Path, tmp_path: Path, batch_mode: str
) -> None:
    how = ("--dropbox-batch-mode", batch_mode, "--dropbox-chunk-size", "4M")
    await rclone.run("copy", str(folder), "dbx:runs", *how)

    listed = await rclone.run("lsf", "-R", "dbx:runs")
    hashes = await rclone.run("hashsum", "dropbox", "dbx:runs")
    await rclone.run("check", str(folder), "dbx:runs")
    await rclone.run("copy", "dbx:runs", str(tmp_path / "back"))

    assert set(listed.splitlines()) == {"BTC USDT/", *contents(folder)}
    expected = contents(folder)
    assert dict(reversed(line.split("  ", 1)) for line in hashes.splitlines()) == {
        path: hash_of(data) for path, data in expected.items()
    }
    assert contents(tmp_path / "back") == expected
    assert {write.op for write in emulator.writes} <= {"add", "folder"}


async def test_rclone_reads_a_part(rclone: Rclone, emulator: Emulator) -> None:
    emulator.put("/a.txt", b"0123456789")

    assert await rclone.run("cat", "--offset", "3", "--count", "4", "dbx:a.txt") == "3456"


async def test_rclone_reads_a_large_file_in_parts_at_once(
    rclone: Rclone, emulator: Emulator, tmp_path: Path
) -> None:
    data = random.Random(3).randbytes(20 * 1024 * 1024 + 321)
    emulator.put("/big/model.bin", data)
    how = ("--multi-thread-cutoff", "8M", "--multi-thread-streams", "3", "--multi-thread-chunk-size", "4M")

    await rclone.run("copy", "dbx:big", str(tmp_path / "back"), *how)

    downloads = [call for call in emulator.calls if call.route == "files/download"]
    assert contents(tmp_path / "back") == {"model.bin": data}
    assert [call.status for call in downloads] == [206] * 6
    assert sum(call.sent for call in downloads) == len(data)


async def test_rclone_moves_copies_and_deletes(rclone: Rclone, emulator: Emulator) -> None:
    emulator.put("/a/one.txt", b"1")
    await rclone.run("moveto", "dbx:a/one.txt", "dbx:b/two.txt")
    await rclone.run("copyto", "dbx:b/two.txt", "dbx:c/three.txt")
    await rclone.run("delete", "dbx:b")
    await rclone.run("about", "dbx:")

    assert {path: view.read() for path, view in emulator.tree().items()} == {"/c/three.txt": b"1"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
