"""The only HTTP client: one POST out, one whole answer back, each way in which that fails as an error.

It knows nothing of Dropbox's routes. What it does know is how far a request came before it failed, because
that decides whether the call may be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import aiohttp

from huracan_spool import __version__
from huracan_spool.activity import UNHEARD, Progress
from huracan_spool.errors import StoreError, TryAgain, Unreachable
from huracan_spool.stores.dropbox.body import Body
from huracan_spool.stores.dropbox.incoming import Sink
from huracan_spool.stores.dropbox.outgoing import Deadline, Outgoing
from huracan_spool.stores.dropbox.pacing import Bandwidth
from huracan_spool.stores.dropbox.reply import SUCCESSES, Reply, printable
from huracan_spool.stores.dropbox.sites import Site, trust

Base = Literal["api", "content", "oauth"]

# The pool has no limit of its own, so this is name resolution, TCP and TLS, and never waiting in a queue.
_CONNECT = 15.0
_LONGEST_ERROR = 64 * 1024


class Interrupted(TryAgain):
    """The connection broke while the request or its answer was on the way."""


class Silent(Unreachable):
    """The request was on its way, at least in part, and then nothing moved any more.

    That took minutes, so the run waits after the second time, with a word in the log.
    """

    most_attempts = 2


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """`connections` is how many bodies travel at once; short calls are not held up by them.

    The URLs are bases without a path. `ca_file` takes the place of the system's trust store, which honours
    SSL_CERT_FILE.
    """

    api_url: str
    content_url: str
    oauth_url: str
    ca_file: str | None
    connections: int
    user_agent: str = f"huracan-spool/{__version__}"


@dataclass(frozen=True, slots=True)
class Post:
    """A request without its token.

    It fails after `patience` seconds in which nothing moved. Of a success, `longest` bytes are read and one
    more, which tells that it was longer; or all of it goes `into` a sink, and the reply's body is empty.
    """

    base: Base
    path: str
    headers: Mapping[str, str]
    body: Body
    patience: float
    longest: int
    into: Sink | None = None


class Transport:
    """`async with` opens and closes the connections; a URL that is not safe is `NeedsPerson` before that."""

    def __init__(self, options: TransportOptions, bandwidth: Bandwidth, progress: Progress = UNHEARD) -> None:
        self._sites: dict[Base, Site] = {
            "api": Site.at(options.api_url),
            "content": Site.at(options.content_url),
            "oauth": Site.at(options.oauth_url),
        }
        self._options = options
        self._bandwidth = bandwidth
        self._progress = progress
        self._bodies = asyncio.Semaphore(options.connections)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trust(self._options.ca_file)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._options.user_agent, "Accept-Encoding": "identity"},
            skip_auto_headers=("Content-Type",),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def lane(self, base: Base) -> AbstractAsyncContextManager[object]:
        """To be held during a `send`. Whoever waits here may wait long: ask for the call's turn inside."""
        return self._bodies if base == "content" else nullcontext()

    async def send(self, post: Post, token: str | None) -> Reply:
        """Sends the request, once, and reads the answer.

        Raises `Unreachable` when nothing was sent, `Interrupted` or `Silent` when something may have been,
        and `Rejected` when the body can't be read.
        """
        deadline = Deadline(post.patience)
        bandwidth = self._bandwidth if post.base == "content" else None
        outgoing = Outgoing(post.body, bandwidth, deadline, self._progress)
        try:
            async with deadline, self._request(post, token, outgoing) as response:
                ok = response.status in SUCCESSES
                if ok and post.into is not None:
                    await _stream(response, post.into, deadline)
                    return _reply(response, b"", token)
                body = await _read(response, post.longest + 1 if ok else _LONGEST_ERROR, deadline)
                return _reply(response, body, token)
        except (aiohttp.ClientError, OSError) as error:
            raise outgoing.failure or _failed(error, self._sites[post.base], deadline) from error

    def _request(
        self, post: Post, token: str | None, outgoing: Outgoing
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        site = self._sites[post.base]
        # With a Content-Length, aiohttp does not chunk, which Dropbox does not promise to understand.
        headers = {**post.headers, "Content-Length": str(len(post.body))}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self._session.post(
            site.url.with_path(post.path),
            headers=headers,
            data=outgoing if len(post.body) else None,
            allow_redirects=False,
            proxy=site.proxy,
        )


async def _stream(response: aiohttp.ClientResponse, sink: Sink, deadline: Deadline) -> None:
    sink.begin(response.status, _lowered(response))
    deadline.moved()
    async for part in response.content.iter_any():
        deadline.hold()
        sink.take(part)
        deadline.moved()


async def _read(response: aiohttp.ClientResponse, most: int, deadline: Deadline) -> bytes:
    parts: list[bytes] = []
    left = most
    deadline.moved()
    async for part in response.content.iter_any():
        parts.append(part[:left])
        left -= len(parts[-1])
        if not left:
            break
        deadline.moved()
    return b"".join(parts)


def _reply(response: aiohttp.ClientResponse, body: bytes, token: str | None) -> Reply:
    # A text answer may quote the header that it does not like.
    if token and response.status not in SUCCESSES:
        body = body.replace(token.encode(), b"***")
    return Reply(response.status, _lowered(response), body)


def _lowered(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _failed(error: Exception, site: Site, deadline: Deadline) -> StoreError:
    host = site.url.host
    if deadline.expired:
        return Silent(f"{host}: nothing moved for {deadline.idle:g} s")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreachable(f"{host}: no connection within {_CONNECT:g} s")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        hint = "check dropbox.ca_file, this host's clock, and who answers in Dropbox's place"
        return Unreachable(printable(f"{host}: {error}"), hint=hint)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreachable(printable(f"{host}: {error}"))
    if isinstance(error, aiohttp.ClientHttpProxyError):  # its text may hold the proxy's password
        return Unreachable(f"{host}: the proxy answers {error.status}", hint="check HTTPS_PROXY")
    return Interrupted(printable(f"{host}: {type(error).__name__}: {error}"))
