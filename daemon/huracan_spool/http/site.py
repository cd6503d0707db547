"""The five addresses: who may ask, and what is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address

import structlog
from aiohttp import web

from huracan_spool.http.document import document
from huracan_spool.http.exposition import CONTENT_TYPE
from huracan_spool.http.health import checks, is_ready
from huracan_spool.http.metrics import metrics
from huracan_spool.http.page import CONTENT_SECURITY_POLICY, page
from huracan_spool.http.view import View
from huracan_spool.logs import redacted

_TEXT = "text/plain; charset=utf-8"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "huracan-spool",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Answer = Callable[[], Awaitable[web.Response]]


class Site:
    """`by_name_only`: refuse whoever asks for another host than this one.

    A page from elsewhere can't read ours, unless its own name is made to lead to 127.0.0.1 in the middle of the
    visit. The browser then still sends that name. A unix socket can't be reached that way.
    """

    def __init__(self, view: View, *, by_name_only: bool) -> None:
        self._view = view
        self._by_name_only = by_name_only
        self._answers: dict[str, Answer] = {
            "/": self._page,
            "/healthz": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/status": self._status,
        }

    async def handle(self, request: web.BaseRequest) -> web.Response:
        try:
            return await self._answer(request)
        except Exception:  # noqa: BLE001 - the end of a request: whoever looks must not harm what works
            structlog.get_logger().exception("http_request_failed", path=request.path)
            return _text("a defect of the daemon; its log says more", HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if self._by_name_only and not is_this_host(request.headers.get("Host", "")):
            return _text("ask for localhost or 127.0.0.1", HTTPStatus.MISDIRECTED_REQUEST)
        answer = self._answers.get(request.path)
        if answer is None:
            return _text(f"there is {', '.join(self._answers)}", HTTPStatus.NOT_FOUND)
        if request.method != "GET":
            refusal = _text("GET only", HTTPStatus.METHOD_NOT_ALLOWED)
            refusal.headers["Allow"] = "GET"
            return refusal
        return await answer()

    async def _alive(self) -> web.Response:
        return _text("ok")

    async def _ready(self) -> web.Response:
        picture = await self._view.picture()
        status = HTTPStatus.OK if is_ready(picture) else HTTPStatus.SERVICE_UNAVAILABLE
        return _text("\n".join(str(check) for check in checks(picture)), status)

    async def _metrics(self) -> web.Response:
        return _response(metrics(await self._view.picture()), CONTENT_TYPE)

    async def _status(self) -> web.Response:
        return _response(f"{json.dumps(document(await self._view.picture()), indent=2)}\n", "application/json")

    async def _page(self) -> web.Response:
        return _response(page(await self._view.picture()), "text/html; charset=utf-8")


def is_this_host(header: str) -> bool:
    """Whether a Host header names this host, at whatever port: a tunnel may use another one."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](:[0-9]+)?", header)
    host = bracketed[1] if bracketed else header.partition(":")[0]
    if host.lower() == "localhost" or not header:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _text(text: str, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return _response(f"{text}\n", _TEXT, status)


def _response(text: str, content_type: str, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(
        body=redacted(text).encode(), status=status, headers={**_HEADERS, "Content-Type": content_type}
    )
