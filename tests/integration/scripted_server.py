"""HTTP servers of a few lines, and the client against them. Shared by the tests of the Dropbox client."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from huracan_spool.content_hash import content_hash
from huracan_spool.retry import CallRetry
from huracan_spool.stores.dropbox.api import CommitEntry, Cursor, DropboxApi, open_dropbox
from huracan_spool.stores.dropbox.auth import Credentials
from huracan_spool.stores.dropbox.body import Body, BytesBody
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate
from huracan_spool.stores.dropbox.transport import TransportOptions

TOKEN = "sl.SECRET-access"
PIECE = os.urandom(700_000)
COMMIT = CommitEntry("pid_upload_session:x", 1, "/Huracan/model.bin", None)


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Seen:
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Seen], web.Response]


@dataclass
class Server:
    """Answers by its script, one entry a request, the last one for ever."""

    script: list[Answer]
    url: str = ""
    seen: list[Seen] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.path, dict(request.headers), await request.read())
        self.seen.append(seen)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if answer is cut:
            reset(request.transport)
            return web.Response()
        return answer(seen)


def reset(transport: asyncio.Transport | None) -> None:
    """Closes the connection with a RST, as a router does that has lost its state."""
    assert transport is not None
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def cut(_: Seen) -> web.Response:
    raise AssertionError("handled by the server")


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: web.Response(text=text, status=status, headers=shown)


def tagged(tag: str, status: int = 409, **fields: object) -> Answer:
    return answer({"error_summary": f"{tag}/..", "error": {".tag": tag, **fields}}, status)


@asynccontextmanager
async def serving(*script: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(list(script))
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def options_for(url: str, ca_file: str | None = None) -> TransportOptions:
    return TransportOptions(
        api_url=url, content_url=url, oauth_url=url, ca_file=ca_file, connections=4, user_agent="test/1"
    )


@asynccontextmanager
async def client(
    url: str,
    *,
    credentials: Credentials | None = None,
    ca_file: str | None = None,
    time: FakeTime | None = None,
    rate: CallRate | None = None,
    bandwidth: Bandwidth | None = None,
) -> AsyncIterator[DropboxApi]:
    """The client, with every wait on `time`."""
    time = time or FakeTime()
    async with open_dropbox(
        options_for(url, ca_file),
        credentials or Credentials(access_token=TOKEN),
        rate=rate or CallRate(10, clock=time, sleep=time.sleep),
        bandwidth=bandwidth or Bandwidth(None),
        retry=CallRetry(first=0.5, maximum=4.0, sleep=time.sleep, rng=random.Random(1)),
        clock=time,
        sleep=time.sleep,
    ) as api:
        yield api


async def append(api: DropboxApi, data: bytes = PIECE, *, close: bool = True, offset: int = 0) -> None:
    body = Body((BytesBody(data),))
    await api.append(Cursor("pid_upload_session:x", offset), body, close=close, content_hash=content_hash(data))
