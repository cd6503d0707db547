"""The stores under the contract suite, each with what a test must see and do behind its back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from huracan_spool.emulator import Emulator, EmulatorOptions
from huracan_spool.retry import CallRetry
from huracan_spool.stores.base import Store
from huracan_spool.stores.dropbox.api import DropboxApi, open_dropbox
from huracan_spool.stores.dropbox.auth import Credentials
from huracan_spool.stores.dropbox.changes import Changes
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate
from huracan_spool.stores.dropbox.store import DropboxStore
from huracan_spool.stores.dropbox.transport import TransportOptions
from huracan_spool.stores.dropbox.uploader import Uploader
from huracan_spool.stores.local import LocalStore
from huracan_spool.stores.settling import Patience

PATIENCE = 5.0  # seconds that a stranger has
CHUNK = 4 * 1024 * 1024
APP_FOLDER = "Huracan"

START = "files/upload_session/start_batch"
APPEND = "files/upload_session/append_v2"
APPEND_BATCH = "files/upload_session/append_batch"
FINISH = "files/upload_session/finish_batch_v2"
MOVE = "files/move_batch_v2"
LIST = "files/list_folder"

Tree = dict[str, bytes]


class FakeTime:
    """A clock that only sleeping, or a test, moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class Place(Protocol):
    """Where runs go. Every store that a test asks for begins as after a restart."""

    time: FakeTime

    def store(self, app_folder: str = APP_FOLDER) -> Store: ...

    def root(self, app_folder: str = APP_FOLDER) -> str:
        """What a full path of this store begins with."""
        ...

    def tree(self, app_folder: str = APP_FOLDER) -> Tree:
        """Every file, by its path below the app folder."""
        ...

    def versions(self) -> dict[str, object]:
        """Something for each file that is another one once the file was written again or replaced."""
        ...

    def put(self, path: str, data: bytes, app_folder: str = APP_FOLDER) -> None:
        """A file that somebody else puts there."""
        ...


@dataclass
class LocalPlace:
    folder: Path
    time: FakeTime = field(default_factory=FakeTime)

    def store(self, app_folder: str = APP_FOLDER) -> Store:
        return LocalStore(self.folder / app_folder, Patience(PATIENCE, self.time))

    def root(self, app_folder: str = APP_FOLDER) -> str:
        return str(self.folder / app_folder)

    def tree(self, app_folder: str = APP_FOLDER) -> Tree:
        root = self.folder / app_folder
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}

    def versions(self) -> dict[str, object]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in files}

    def put(self, path: str, data: bytes, app_folder: str = APP_FOLDER) -> None:
        target = self.folder / app_folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


@dataclass
class DropboxPlace:
    emulator: Emulator
    api: DropboxApi
    time: FakeTime

    def store(self, app_folder: str = APP_FOLDER) -> Store:
        uploader = Uploader(self.api, chunk_size=CHUNK, connections=4)
        changes = Changes(self.api, lambda _: 0.1, self.time.sleep)
        return DropboxStore(self.api, uploader, changes, Patience(PATIENCE, self.time), app_folder)

    def root(self, app_folder: str = APP_FOLDER) -> str:
        return f"/{app_folder}".rstrip("/")

    def tree(self, app_folder: str = APP_FOLDER) -> Tree:
        root = self.root(app_folder) + "/"
        files = self.emulator.tree().items()
        return {path.removeprefix(root): file.read() for path, file in files if path.startswith(root)}

    def versions(self) -> dict[str, object]:
        changes = len(self.emulator.writes)
        return {path: (file.id, file.content_hash, changes) for path, file in self.emulator.tree().items()}

    def put(self, path: str, data: bytes, app_folder: str = APP_FOLDER) -> None:
        self.emulator.put(f"{self.root(app_folder)}/{path}", data)


@asynccontextmanager
async def dropbox_place(emulator: Emulator, credentials: Credentials | None = None) -> AsyncIterator[DropboxPlace]:
    """Connected to the emulator; every wait is on the fake time."""
    time, url = FakeTime(), emulator.http_url
    assert url is not None
    options = TransportOptions(
        api_url=url, content_url=url, oauth_url=url, ca_file=None, connections=4, user_agent="test/1"
    )
    async with open_dropbox(
        options,
        credentials or Credentials(access_token=emulator.access_token),
        rate=CallRate(1000.0, clock=time, sleep=time.sleep),
        bandwidth=Bandwidth(None),
        retry=CallRetry(first=0.01, maximum=0.1, sleep=time.sleep, rng=random.Random(1)),
        clock=time,
        sleep=time.sleep,
    ) as api:
        yield DropboxPlace(emulator, api, time)


@asynccontextmanager
async def place_with(**options: Any) -> AsyncIterator[DropboxPlace]:
    """An emulator with these options, and the store on it."""
    async with Emulator(EmulatorOptions(https=None, **options)) as emulator, dropbox_place(emulator) as place:
        yield place


def calls(place: DropboxPlace, route: str) -> list[Any]:
    """The arguments of all calls of a route."""
    return [call.argument for call in place.emulator.calls if call.route == route]
