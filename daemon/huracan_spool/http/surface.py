"""Listening: on loopback or a unix socket, a few connections at a time, and never at the expense of uploads."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web

from huracan_spool.http.site import Site
from huracan_spool.http.view import View

TRY_AGAIN = 30.0  # seconds until a taken address is tried again
# Anybody on this host may connect, and a connection is a descriptor that uploads need.
MOST_CONNECTIONS = 32
LONGEST_CONNECTION = 60.0  # seconds; a scraper's next request simply makes a new one
_PATIENCE = 0.5  # seconds that an answer may still take in the end; aiohttp takes 0 for no limit
_SOCKET_MODE = 0o660  # whoever is in the daemon's group may look


@dataclass(frozen=True, slots=True)
class Tcp:
    """A loopback address; port 0 lets the kernel choose."""

    host: str
    port: int


class Surface:
    """Where people and machines look at the daemon; `address` is the path of a unix socket, or TCP."""

    def __init__(self, address: Tcp | Path, view: View) -> None:
        self._address = address
        self._site = Site(view, by_name_only=isinstance(address, Tcp))
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Serve until it is cancelled. An address that can't be had is one warning, and tried again."""
        told = False
        while True:
            try:
                async with self._listening() as shown:
                    self._log.info("http_listening", address=shown)
                    await asyncio.Event().wait()
            except OSError as error:
                if not told:
                    self._log.warning(
                        "http_not_listening",
                        address=_shown(self._address),
                        error=error.strerror or str(error),
                        action="uploads go on; tried again until it works; http.listen sets another address",
                    )
                told = True
                await asyncio.sleep(TRY_AGAIN)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[str]:
        """Raises `OSError` when the address can't be had."""
        bound = _bound(self._address)
        listener = _Listener(self._site)
        try:
            server = await asyncio.get_running_loop().create_server(listener.accept, sock=bound)
        except BaseException:
            bound.close()
            raise
        with _own_file(self._address) if isinstance(self._address, Path) else nullcontext():
            try:
                yield _shown(self._address, bound)
            finally:
                server.close()
                await listener.close()


class NoSurface:
    """When `http.listen` is off."""

    async def run(self) -> None:
        """There is nothing to serve."""


class _Listener:
    def __init__(self, site: Site) -> None:
        self._server = web.Server(
            site.handle,
            logger=_silent(),
            access_log=None,
            keepalive_timeout=LONGEST_CONNECTION,
            tcp_keepalive=False,
            lingering_time=0,
        )

    def accept(self) -> asyncio.BaseProtocol:
        if len(self._server.connections) >= MOST_CONNECTIONS:
            return _Refused()
        connection = self._server()
        asyncio.get_running_loop().call_later(LONGEST_CONNECTION, _end, connection)
        return connection

    async def close(self) -> None:
        self._server.pre_shutdown()  # whoever asks nothing at the moment is let go at once
        connections = self._server.connections
        await self._server.shutdown(_PATIENCE)
        for connection in connections:
            _end(connection)


def _end(connection: web.RequestHandler) -> None:
    """Without waiting for whoever does not read the answers: a closed transport keeps its descriptor for them."""
    transport = connection.transport
    connection.force_close()
    if transport is not None:
        transport.abort()


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _silent() -> logging.Logger:
    """What strangers send is no news; a handler's own errors are logged where they happen."""
    logger = logging.getLogger("huracan_spool.http.requests")
    logger.disabled = True
    return logger


def _bound(address: Tcp | Path) -> socket.socket:
    if isinstance(address, Path):
        return _bound_to_path(address)
    family, kind, _, _, resolved = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(resolved)
    except BaseException:
        sock.close()
        raise
    return sock


def _bound_to_path(path: Path) -> socket.socket:
    """A socket file outlives its process; one that nobody answers is in nobody's use."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_left_over(path):
            path.unlink(missing_ok=True)
        sock.bind(str(path))
        path.chmod(_SOCKET_MODE)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_left_over(path: Path) -> bool:
    try:
        if not stat.S_ISSOCK(path.stat(follow_symlinks=False).st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # noqa: FBT003 - one's own word for it
            probe.connect(str(path))
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def _own_file(path: Path) -> Iterator[None]:
    """Removes the socket in the end, unless somebody has put something else there."""
    ours = path.stat(follow_symlinks=False)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            if os.path.samestat(ours, path.stat(follow_symlinks=False)):
                path.unlink()


def _shown(address: Tcp | Path, bound: socket.socket | None = None) -> str:
    """As a person would open it."""
    if isinstance(address, Path):
        return str(address)
    port = bound.getsockname()[1] if bound else address.port
    return f"http://[{address.host}]:{port}/" if ":" in address.host else f"http://{address.host}:{port}/"
