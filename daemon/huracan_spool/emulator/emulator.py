"""The emulator as a whole: state, listeners and what tests hold in their hands."""

from __future__ import annotations

import gc
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
from aiohttp import web

from huracan_spool.emulator.account import MAX_BODY_BYTES, Account, Write
from huracan_spool.emulator.api import Api
from huracan_spool.emulator.blobs import Blobs, Content
from huracan_spool.emulator.calls import CallRecord
from huracan_spool.emulator.control import Control
from huracan_spool.emulator.exchange import Exchange
from huracan_spool.emulator.faults import Faults
from huracan_spool.emulator.oauth import OAuth
from huracan_spool.emulator.options import EmulatorOptions
from huracan_spool.emulator.planting import Plant, plant
from huracan_spool.emulator.replies import Reply
from huracan_spool.emulator.view import FileView, tree_view
from huracan_spool.emulator.wan import Wan
from huracan_spool.emulator.writing import Commit

CERTIFIED_NAMES = (
    "api.dropboxapi.com",
    "content.dropboxapi.com",
    "notify.dropboxapi.com",
    "www.dropbox.com",
    "localhost",
    "127.0.0.1",
    "::1",
)


class Emulator:
    """A Dropbox of one account with one app, served between `async with` and its end.

    All hosts of Dropbox are served on the same port. Nothing outlives the emulator.
    """

    def __init__(self, options: EmulatorOptions) -> None:
        self._options = options
        self._wan = Wan(options.wan, options.clock, options.sleep)
        self._closing = AsyncExitStack()
        self.faults = Faults()
        self.calls: list[CallRecord] = []
        self.http_url: str | None = None
        self.https_url: str | None = None

    async def __aenter__(self) -> Self:
        if self._options.root is not None:
            self._options.root.mkdir(parents=True, exist_ok=True)
        directory = self._closing.enter_context(
            tempfile.TemporaryDirectory(prefix="dropbox-emulator-", dir=self._options.root)
        )
        try:
            await self._start(Path(directory))
        except BaseException:
            await self._closing.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        await self._closing.aclose()

    @property
    def ca_file(self) -> Path:
        """PEM of the authority that certified the HTTPS face."""
        return self._directory / "ca.pem"

    @property
    def app_key(self) -> str:
        return self._options.app_key

    @property
    def access_token(self) -> str:
        """Does not expire by time."""
        return self._account.grants.access_token

    @property
    def refresh_token(self) -> str:
        return self._account.grants.refresh_token

    @property
    def writes(self) -> list[Write]:
        """Every effective change, in order."""
        return self._account.writes

    def issue_token(self, scopes: frozenset[str] | None = None, expires_in: float | None = None) -> str:
        return self._account.grants.issue(scopes, expires_in)

    def expire_tokens(self) -> None:
        """All that were given out so far."""
        self._account.grants.expire_all()

    def revoke_refresh_token(self) -> None:
        """Access tokens stay good, so that both can be tested apart."""
        self._account.grants.set_refreshable(refreshable=False)

    def restore_refresh_token(self) -> None:
        self._account.grants.set_refreshable(refreshable=True)

    def tree(self) -> dict[str, FileView]:
        return tree_view(self._account)

    def put(self, path: str, data: bytes, client_modified: datetime | None = None) -> None:
        """A file that somebody else put there, replacing what was. Raises `WriteFailure`."""
        order = Commit(path, "overwrite", None, False, False, client_modified)  # noqa: FBT003 - as in CommitInfo
        self._account.commit("put", order, Content.of([self._blobs.store(data)]))

    def plant(self, plants: Iterable[Plant]) -> None:
        """Files that were there before anybody looked, by the hundred thousand if need be.

        They are held in memory, equal ones once. Neither `writes` nor cursors that were given out already tell of
        them. Raises `WriteFailure`.
        """
        self._closing.callback(gc.unfreeze)
        plant(self._account.tree, plants, self._account.date())

    async def _start(self, directory: Path) -> None:
        self._directory = directory
        pieces = directory / "pieces"
        pieces.mkdir()
        self._blobs = Blobs(pieces, MAX_BODY_BYTES)
        self._account = Account(self._options, self._blobs)
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            shutdown_timeout=0.1,
            max_line_size=self._options.header_bytes,
            max_field_size=self._options.header_bytes,
        )
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        tls = self._tls()
        if self._options.http is not None:
            self.http_url = f"http://{await _listen(runner, self._options.http, None)}"
        if self._options.https is not None:
            self.https_url = f"https://{await _listen(runner, self._options.https, tls)}"

    def _tls(self) -> ssl.SSLContext:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*CERTIFIED_NAMES).configure_cert(context)
        return context

    def _application(self) -> web.Application:
        api, oauth = Api(self._account, self._wan), OAuth(self._account)

        async def token(exchange: Exchange) -> Reply:
            await self._wan.serve("oauth2/token", "rpc")
            return await oauth.token(exchange)

        application = web.Application()
        application.add_routes(
            [
                *Control(self._account, self.faults, self.calls).routes(),
                web.post("/oauth2/token", self._handler(token, "oauth2/token")),
                web.get("/oauth2/authorize", self._handler(oauth.authorise, "oauth2/authorize")),
                web.route("*", "/2/{route:.*}", self._handler(api.answer)),
            ]
        )
        return application

    def _handler(
        self, answer: Callable[[Exchange], Awaitable[Reply]], name: str | None = None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            route = name or request.match_info["route"]
            record = CallRecord(len(self.calls) + 1, route, self._options.clock())
            self.calls.append(record)
            try:
                exchange = Exchange(request, record, self.faults.striking(route), self._options, self._wan)
                return await exchange.run(answer)
            finally:
                record.ended = self._options.clock()

        return handle


async def _listen(runner: web.AppRunner, address: tuple[str, int], tls: ssl.SSLContext | None) -> str:
    """Returns host and port, with the port that the system chose when none was asked for."""
    before = len(runner.addresses)
    await web.TCPSite(runner, *address, ssl_context=tls).start()
    host, port = runner.addresses[before][:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
