"""Downloads seen as bytes on a connection: headers, chunks, and how it ended."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from huracan_spool.emulator import Emulator


@dataclass(frozen=True)
class RawAnswer:
    head: bytes
    body: bytes

    def chunks(self) -> Iterator[bytes]:
        """Of a chunked body, the last of them perhaps cut short; empty the one that says that this was all."""
        left = self.body
        while left:
            size, _, left = left.partition(b"\r\n")
            yield left[: int(size, 16)]
            left = left[int(size, 16) + 2 :]


async def answer_to(emulator: Emulator, route: str, path: str, face: str = "http_url") -> RawAnswer:
    """All that came before the connection ended, however it did."""
    async with asked(emulator, route, path, face) as reader:
        received = b""
        try:
            while data := await reader.read(1024 * 1024):
                received += data
        except (ConnectionError, ssl.SSLError):
            pass
    head, _, body = received.partition(b"\r\n\r\n")
    return RawAnswer(head, body)


@asynccontextmanager
async def asked(
    emulator: Emulator, route: str, path: str, face: str = "http_url"
) -> AsyncIterator[asyncio.StreamReader]:
    """A download that was asked for, on a connection of its own, and whose answer nobody has read yet."""
    url = urlsplit(getattr(emulator, face))
    tls = ssl.create_default_context(cafile=emulator.ca_file) if url.scheme == "https" else None
    reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=tls)
    lines = [
        f"POST /2/{route} HTTP/1.1",
        f"Host: {url.netloc}",
        "Connection: close",
        f"Authorization: Bearer {emulator.access_token}",
        f'Dropbox-API-Arg: {{"path":"{path}"}}',
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        yield reader
    finally:
        writer.transport.abort()
