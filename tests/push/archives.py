"""Local archives as daemons without Dropbox leave them, and what a push makes of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huracan_spool.content_hash import fingerprint
from huracan_spool.emulator import Emulator
from huracan_spool.manifest import Kind, parse_manifest
from huracan_spool.record import ArtifactFacts, build_record, run_digest
from huracan_spool.stores.base import Content, PlannedRun
from huracan_spool.stores.local import LocalStore
from huracan_spool.stores.settling import Patience
from support.runs import Run
from support.site import COMMAND, Finished, Site
from support.waiting import within

APPENDS = "files/upload_session/append"


async def archive(root: Path, runs: Iterable[Run], host: str = "train-07") -> None:
    """By the store that the daemon uses, without the daemon."""
    store = LocalStore(root, Patience(0.0))
    for run in runs:
        await store.put(planned(run, host))


def planned(run: Run, host: str) -> PlannedRun:
    manifest = parse_manifest(json.dumps(run.manifest()).encode())
    prints = {artifact.kind: fingerprint(run.contents[artifact.kind]) for artifact in manifest.artifacts}
    digest = run_digest(
        manifest.symbol, manifest.trained_at, {kind: found.content_hash for kind, found in prints.items()}
    )
    facts = {
        kind: ArtifactFacts(run.file(kind), found.size, found.sha256, found.content_hash)
        for kind, found in prints.items()
    }
    record = build_record(
        manifest,
        facts,
        run=run.name,
        digest=digest,
        uploaded_at="2025-11-12T17:00:00Z",
        host=host,
        inspection=None,
        uploader="test 1",
    )
    contents = {kind: Content(run.contents[kind], prints[kind]) for kind in Kind if kind in prints}
    return PlannedRun(
        run.name,
        manifest.symbol,
        manifest.trained_at,
        digest,
        contents,
        Content(record, fingerprint(record)),
        tried_before=False,
    )


def snapshot(root: Path) -> dict[str, Any]:
    """Everything about an archive that a push might change."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else None
        found[str(path)] = (status.st_ino, status.st_mode, status.st_mtime_ns, status.st_ctime_ns, data)
    return found


def bytes_in(emulator: Emulator) -> dict[str, bytes]:
    return {path: file.read() for path, file in emulator.tree().items()}


def bytes_below(root: Path) -> dict[str, bytes]:
    """Spelled as Dropbox spells it."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {f"/{root.name}/{path.relative_to(root).as_posix()}": path.read_bytes() for path in files}


def received(emulator: Emulator, since: int) -> int:
    """Bytes of contents in all calls but the first `since`."""
    return sum(call.received for call in emulator.calls[since:] if call.route.startswith(APPENDS))


async def push(site: Site, *options: str) -> Finished:
    done = await site.command("push", "--config", str(site.config), *options)
    assert "Traceback" not in done.err, done.err
    return done


def spoil(path: Path) -> None:
    """Another byte at the end, in place, as a failing disk does it: size and time stay."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@dataclass(frozen=True)
class Pushing:
    """A push that is under way."""

    process: asyncio.subprocess.Process

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    async def ended(self) -> Finished:
        out, err = await within(self.process.communicate(), "the end of a push")
        return Finished(self.process.returncode or 0, out.decode(), err.decode())


@asynccontextmanager
async def pushing(site: Site, *options: str) -> AsyncIterator[Pushing]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "push", "--config", str(site.config), *options),
        env=site.environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
    )
    try:
        yield Pushing(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
