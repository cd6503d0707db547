"""The client connected to the emulator, and the calls that most of its tests begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from scripted_server import client

from huracan_spool.emulator import Emulator
from huracan_spool.errors import StoreError
from huracan_spool.stores.dropbox.api import (
    CommitEntry,
    Cursor,
    DropboxApi,
    Piece,
    RemoteFile,
)
from huracan_spool.stores.dropbox.auth import Credentials
from huracan_spool.stores.dropbox.body import Body, BytesBody

BLOCK = 4 * 1024 * 1024
TRAINED = datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC)
APPEND = "files/upload_session/append_v2"
APPEND_BATCH = "files/upload_session/append_batch"
FINISH = "files/upload_session/finish_batch_v2"


@asynccontextmanager
async def connected(emulator: Emulator) -> AsyncIterator[DropboxApi]:
    assert emulator.http_url is not None
    async with client(emulator.http_url, credentials=Credentials(access_token=emulator.access_token)) as api:
        yield api


def body_of(*parts: bytes) -> Body:
    return Body([BytesBody(part) for part in parts])


async def sealed(api: DropboxApi, *contents: bytes) -> list[str]:
    """Sessions that hold the contents and are closed."""
    sessions = await api.start_sessions(len(contents), concurrent=False)
    pieces = [
        Piece(Cursor(session, 0), len(data), close=True) for session, data in zip(sessions, contents, strict=True)
    ]
    outcomes = await api.append_batch(pieces, body_of(*contents))
    assert outcomes == [None] * len(contents)
    return sessions


async def commit(api: DropboxApi, files: dict[str, bytes]) -> list[RemoteFile | StoreError]:
    sessions = await sealed(api, *files.values())
    return await api.finish_batch(
        [
            CommitEntry(session, len(data), path, TRAINED)
            for session, (path, data) in zip(sessions, files.items(), strict=True)
        ]
    )


def content_of(emulator: Emulator) -> dict[str, bytes]:
    return {path: file.read() for path, file in emulator.tree().items()}
