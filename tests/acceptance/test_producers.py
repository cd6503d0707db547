"""Producers that know nothing of this package: a shell, and whatever else can write a file."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from huracan_spool.emulator import Emulator
from support.runs import Run, make_run
from support.site import Site
from support.trees import expected, remote, without_records
from support.waiting import eventually

ONLY_CP = """
set -eu
cp "$2"/* "$1"
cp "$3" "$1/.$4"
mv "$1/.$4" "$1/$4"
"""
TWO_WRITES = """
set -eu
cp "$2"/* "$1"
exec >"$1/$4"
head -c 100 "$3"
tail -c +101 "$3"
"""
SLOWLY = """
set -eu
head -c 100 "$3" >"$1/$4"
read -r _
tail -c +101 "$3" >>"$1/$4"
read -r _
cp "$2"/* "$1"
"""


async def test_a_shell_with_nothing_but_cp_and_mv(connected: Site, dropbox: Emulator) -> None:
    await _arrives(connected, dropbox, ONLY_CP)


async def test_a_shell_that_writes_the_manifest_in_place_in_two_writes(connected: Site, dropbox: Emulator) -> None:
    await _arrives(connected, dropbox, TWO_WRITES)


async def test_a_producer_that_does_everything_in_the_wrong_order_has_the_settling_time(
    connected: Site, dropbox: Emulator
) -> None:
    """Half the manifest, the other half, then the files: the daemon has looked at it twice by then."""
    connected.settings |= {"spool.settle": "1h", "spool.rescan_interval": "0.2s"}
    run = make_run()
    async with connected.daemon() as daemon:
        script = await _script(connected, run, SLOWLY)
        assert script.stdin is not None
        await eventually(lambda: run.manifest_file in connected.in_spool(), daemon)
        script.stdin.write(b"go on\n")
        manifest = connected.spool / run.manifest_file
        await eventually(lambda: manifest.stat().st_size > 100, daemon)
        script.stdin.write(b"go on\n")
        assert await script.wait() == 0
        os.utime(manifest)  # as any later write would: the daemon looks again
        await daemon.settled(run.name)
    _assert_arrived(connected, dropbox, run)
    assert daemon.complaints == []


async def test_the_command_line_submits_what_lies_elsewhere(connected: Site, dropbox: Emulator) -> None:
    run = make_run()
    files = _files(connected, run)
    options = [part for kind, path in files.items() for part in (f"--{kind}", str(path))]
    async with connected.daemon() as daemon:
        done = await connected.command(
            *("submit", "sol/usdt", "--trained-at", "2025-11-12T08:00:00Z", *options),
            *("--metadata", '{"git_commit": "a1b2c3d"}', "--config", str(connected.config)),
        )
        assert (done.code, done.out) == (0, f"{run.name}\n"), done.err
        await daemon.settled(run.name)
    _assert_arrived(connected, dropbox, run)
    assert all(path.exists() for path in files.values())


async def _arrives(site: Site, dropbox: Emulator, text: str) -> None:
    run = make_run()
    async with site.daemon() as daemon:
        script = await _script(site, run, text)
        assert await script.wait() == 0
        await daemon.settled(run.name)
    _assert_arrived(site, dropbox, run)
    assert daemon.complaints == []


async def _script(site: Site, run: Run, text: str) -> asyncio.subprocess.Process:
    """`sh` with the spool, a folder of files, a finished manifest, and the manifest's name."""
    _files(site, run)
    manifest = site.home / "manifest.json"
    manifest.write_text(json.dumps(run.manifest()))
    arguments = (str(site.spool), str(site.home / "training"), str(manifest), run.manifest_file)
    return await asyncio.create_subprocess_exec("sh", "-c", text, "sh", *arguments, stdin=asyncio.subprocess.PIPE)


def _files(site: Site, run: Run) -> dict[str, Path]:
    folder = site.home / "training"
    folder.mkdir(exist_ok=True)
    files = {kind: folder / run.file(kind) for kind in run.contents}
    for kind, path in files.items():
        path.write_bytes(run.contents[kind])
    return files


def _assert_arrived(site: Site, dropbox: Emulator, run: Run) -> None:
    digest = site.receipt(run.name)["digest"]
    assert without_records(remote(dropbox)) == expected([run], {run.name: digest})
    assert site.in_spool() == set()
