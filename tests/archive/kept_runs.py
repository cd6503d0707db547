"""Stores with runs in them, and what an analyst's shell has in its environment."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from huracan_spool.archive.archive import Archive
from huracan_spool.archive.loop import Loop
from huracan_spool.emulator import Emulator
from support.planting import Planted
from support.site import COMMAND, Finished


@dataclass
class Kept:
    """A store with runs, and what an analyst's shell has in its environment."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HURACAN_")}
        ours = {f"HURACAN_{name.replace('.', '__').upper()}": value for name, value in self.settings.items()}
        return {**clean, **ours, "XDG_CACHE_HOME": str(self.home / "cache"), "HURACAN_STATE_DIR": str(self.state)}

    @property
    def state(self) -> Path:
        return self.home / "state"

    def plant(self, *runs: Planted) -> None:
        raise NotImplementedError

    def put(self, path: str, data: bytes) -> None:
        """A file that somebody else put there, or changed."""
        raise NotImplementedError

    def remove(self, path: str) -> None:
        raise NotImplementedError

    def open(self, monkeypatch: pytest.MonkeyPatch) -> Archive:
        for name in list(os.environ):
            if name.startswith("HURACAN_"):
                monkeypatch.delenv(name)
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        return Archive.open()

    def command(self, *arguments: str, **more: Any) -> Finished:
        done = subprocess.run(
            [*COMMAND, *arguments], env=self.environ, capture_output=True, text=True, check=False, **more
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def python(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments], env=self.environ, stdout=subprocess.PIPE, text=True
        )


@dataclass
class KeptInDropbox(Kept):
    emulator: Emulator = None  # type: ignore[assignment]
    loop: Loop = None  # type: ignore[assignment]

    def plant(self, *runs: Planted) -> None:
        async def work() -> None:
            for run in runs:
                run.into_dropbox(self.emulator)

        self.loop.run(work())

    def put(self, path: str, data: bytes) -> None:
        async def work() -> None:
            self.emulator.put(f"/Huracan/{path}", data)

        self.loop.run(work())

    def remove(self, path: str) -> None:
        self.call("delete_v2", {"path": f"/Huracan/{path}".rstrip("/")})

    def move(self, source: str, target: str) -> None:
        self.call("move_v2", {"from_path": f"/Huracan/{source}", "to_path": f"/Huracan/{target}"})

    def call(self, route: str, argument: dict[str, Any]) -> None:
        """As another client would."""
        request = urllib.request.Request(
            f"{self.emulator.https_url}/2/files/{route}",
            json.dumps(argument).encode(),
            {"Authorization": f"Bearer {self.emulator.access_token}", "Content-Type": "application/json"},
        )
        trust = ssl.create_default_context(cafile=str(self.emulator.ca_file))
        with urllib.request.urlopen(request, context=trust) as answer:
            assert answer.status == 200

    def calls(self, route: str) -> list[Any]:
        return [call for call in self.emulator.calls if call.route == f"files/{route}"]


@dataclass
class KeptHere(Kept):
    @property
    def root(self) -> Path:
        return self.state / "archive" / "Huracan"

    def plant(self, *runs: Planted) -> None:
        for run in runs:
            run.into_folder(self.root)

    def put(self, path: str, data: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)

    def remove(self, path: str) -> None:
        target = self.root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
