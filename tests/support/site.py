"""A host in miniature: spool, state, configuration, and the command, below one folder."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huracan_spool.emulator import Emulator
from support.daemon_process import DaemonProcess, started
from support.waiting import eventually, within

COMMAND = (sys.executable, "-m", "huracan_spool")


@dataclass(frozen=True, slots=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Site:
    """`settings` are given by the environment, as `{"spool.settle": "0.2s"}`; they win over the file."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(exist_ok=True)
        self.config.write_text("spool: {}\n")
        self.config.chmod(0o600)

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def config(self) -> Path:
        return self.home / "config.yaml"

    @property
    def archive(self) -> Path:
        return self.state / "archive" / "Huracan"

    @property
    def environ(self) -> dict[str, str]:
        ours = {
            "spool.path": str(self.spool),
            "state_dir": str(self.state),
            "http.listen": "off",
        } | self.settings
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HURACAN_")}
        return clean | {f"HURACAN_{name.replace('.', '__').upper()}": value for name, value in ours.items()}

    def connect(self, emulator: Emulator) -> None:
        """The two keys that the pipeline documents in the file, the emulator's addresses in the environment."""
        self.config.write_text(f'dropbox:\n  access_token: "{emulator.access_token}"\n  app_folder: "Huracan"\n')
        url = str(emulator.https_url)
        self.settings |= {
            "dropbox.api_url": url,
            "dropbox.content_url": url,
            "dropbox.oauth_url": url,
            "dropbox.ca_file": str(emulator.ca_file),
        }

    @asynccontextmanager
    async def launched(self, *wrapper: str) -> AsyncIterator[DaemonProcess]:
        """The daemon's process, ready or not; `wrapper` is a command that starts it."""
        command = (*wrapper, *COMMAND, "run", "--config", str(self.config))
        async with started(command, self.environ) as daemon:
            yield daemon

    @asynccontextmanager
    async def daemon(self, *wrapper: str) -> AsyncIterator[DaemonProcess]:
        async with self.launched(*wrapper) as daemon:
            await daemon.logged("daemon_ready")
            yield daemon

    async def command(self, *arguments: str, wrapper: Sequence[str] = ()) -> Finished:
        """The `huracan-spool` command with this host's settings; `wrapper` is a command that starts it."""
        return await finished((*wrapper, *COMMAND, *arguments), self.environ | {"HOME": str(self.home)})

    def receipt(self, run: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.spool / "receipts" / f"{run}.json").read_bytes())
        return document

    def reason(self, folder: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.spool / "failed" / folder / "reason.json").read_bytes())
        return document

    def in_spool(self) -> set[str]:
        """Whatever lies there besides the daemon's two folders."""
        return set(os.listdir(self.spool)) - {"failed", "receipts"}

    def in_failed(self) -> dict[str, set[str]]:
        folder = self.spool / "failed"
        return {name: set(os.listdir(folder / name)) for name in os.listdir(folder)}

    def receipts(self) -> set[str]:
        names = os.listdir(self.spool / "receipts")
        return {name.removesuffix(".json") for name in names if not name.startswith(".")}

    def kept_models(self) -> dict[str, bytes]:
        models = self.state / "models"
        found = (path for path in models.rglob("*") if path.is_file())
        return {path.relative_to(models).as_posix(): path.read_bytes() for path in found}

    async def empty(self) -> None:
        await eventually(lambda: not self.in_spool(), f"an empty spool at {self.spool}")


async def finished(command: Sequence[str], environ: dict[str, str]) -> Finished:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    out, err = await within(process.communicate(), " ".join(command))
    return Finished(process.returncode or 0, out.decode(), err.decode())
