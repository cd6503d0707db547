"""The API routes over HTTP: in what order a call is checked, and how its result is put on the wire."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from dropbox import auth, common

from huracan_spool.emulator import (
    arguments,
    downloads,
    replies,
    routes_longpoll,
    routes_reading,
    routes_relocation,
    routes_upload,
    routes_upload_batch,
    routes_users,
    routes_zip,
)
from huracan_spool.emulator.account import MAX_BODY_BYTES, Account
from huracan_spool.emulator.blobs import Received
from huracan_spool.emulator.endpoint import Call, Download, Encoded, Endpoint, ZipDownload
from huracan_spool.emulator.exchange import Exchange
from huracan_spool.emulator.failures import (
    AuthFailure,
    BadCall,
    EntryFailure,
    Failure,
    LockTaken,
    OverRate,
    PathRootFailure,
    RouteFailure,
)
from huracan_spool.emulator.pacing import CallRate
from huracan_spool.emulator.replies import Reply
from huracan_spool.emulator.wan import Wan

ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for routes in (
        routes_upload,
        routes_upload_batch,
        routes_reading,
        routes_longpoll,
        routes_relocation,
        routes_users,
        routes_zip,
    )
    for endpoint in routes.ENDPOINTS
}
DROPBOX_HOST = re.compile(r"(?P<name>[a-z]+)\.dropboxapi\.com(:\d+)?")


class Api:
    def __init__(self, account: Account, wan: Wan) -> None:
        self._account = account
        self._options = account.options
        self._wan = wan
        calls_per_second = self._options.calls_per_second or wan.profile.calls_per_second
        self._rate = CallRate(calls_per_second, wan.profile.retry_after)
        self._refused = 0
        # First come, first served, like the lock of a namespace.
        self._write_lock = asyncio.Lock()

    async def answer(self, exchange: Exchange) -> Reply:
        endpoint = ENDPOINTS.get(exchange.record.route)
        if endpoint is None or not _is_host_of(endpoint, exchange.request.host):
            await exchange.drain()
            return replies.text(404, f"Unknown API function: {exchange.record.route!r}")
        if exchange.request.method not in _methods(endpoint):
            await exchange.drain()
            return replies.text(405, f"{exchange.request.method} is not allowed here")
        try:
            return await self._perform(exchange, endpoint)
        except Failure as failure:
            await exchange.drain()
            return self._failed(endpoint, failure)

    async def _perform(self, exchange: Exchange, endpoint: Endpoint) -> Reply:
        token = self._admit(exchange.request, endpoint)
        call = await self._decoded(exchange, endpoint, token)
        size = _batch_size(call.arg)
        call.failures = exchange.entry_failures(size)
        await self._wan.serve(endpoint.name, endpoint.style, size)
        if endpoint.wait is not None:
            await endpoint.wait(self._account, call)
        if not endpoint.locks:
            return self._done(exchange, endpoint, call)
        await self._lock(exchange, call)
        async with self._write_lock:
            if self._options.lock_hold:
                await self._options.sleep(self._options.lock_hold)
            return self._done(exchange, endpoint, call)

    def _admit(self, request: web.Request, endpoint: Endpoint) -> str:
        """Everything that can be said without the argument. Returns the token, empty where none is taken."""
        token = self._authorise(request, endpoint)
        arguments.check_selectors(request.headers)
        arguments.check_content_type(
            endpoint,
            request.headers,
            0 if not request.body_exists else request.content_length,
            lenient_download=self._options.download_content_type,
        )
        if request.headers.get("Transfer-Encoding") and not self._options.chunked_bodies:
            raise BadCall("a body needs a Content-Length")
        return token

    def _authorise(self, request: web.Request, endpoint: Endpoint) -> str:
        """Calls are counted against who makes them, so those of nobody are not."""
        if not endpoint.takes_token:
            arguments.refuse_authorisation(request.headers)
            return ""
        token = arguments.bearer(request.headers)
        self._account.grants.check(token, endpoint.scope)
        wait = self._rate.take(self._options.clock())
        if wait is not None:
            raise OverRate(wait)
        return token

    async def _decoded(self, exchange: Exchange, endpoint: Endpoint, token: str) -> Call:
        if endpoint.style == "rpc":
            text, part = arguments.in_body(endpoint, await exchange.read())
        else:
            request = exchange.request
            text, part = arguments.beside_body(request.raw_headers, request.query.getall("arg", []))
        exchange.record.take_argument(text)
        arg = arguments.decode(endpoint, text, part)
        body = await self._stored_body(exchange, endpoint, arg) if endpoint.style == "upload" else None
        return Call(endpoint.name, arg, token, body)

    async def _stored_body(self, exchange: Exchange, endpoint: Endpoint, arg: Any) -> Received:
        if (exchange.request.content_length or 0) > MAX_BODY_BYTES:
            raise endpoint.failure("payload_too_large")
        entries = getattr(arg, "entries", None)
        lengths = [entry.length for entry in entries] if entries else None
        body = await self._account.blobs.receive(exchange.body(), lengths)
        if body.overflowed:
            raise endpoint.failure("payload_too_large")
        return body

    async def _lock(self, exchange: Exchange, call: Call) -> None:
        """Raises `LockTaken`; of a batch the entries fail that did not get the lock."""
        sizes = committed_sizes(call)
        is_batch = _batch_size(call.arg) > 0
        locking = await self._wan.lock(sizes, batch=is_batch)
        exchange.record.lock_wait = locking.waited
        if locking.refused and not is_batch:
            raise LockTaken
        busy = EntryFailure(lock_taken(call.route), took_effect=False)
        call.failures = {**dict.fromkeys(locking.refused, busy), **call.failures}

    def _done(self, exchange: Exchange, endpoint: Endpoint, call: Call) -> Reply:
        result = endpoint.work(self._account, call)
        if isinstance(result, Download):
            return downloads.file_reply(result.file, exchange.request.headers.get("Range"))
        if isinstance(result, ZipDownload):
            return downloads.zip_reply(endpoint.route.result_type, result)
        if isinstance(result, Encoded):
            return Reply(200, replies.JSON_TYPE, result.text.encode())
        wire = replies.encode(endpoint.route.result_type, result)
        if call.failures and isinstance(wire, dict) and "entries" in wire:
            wire["entries"] = with_failures(wire["entries"], call.failures)
        return replies.of_json(200, wire)

    def _failed(self, endpoint: Endpoint, failure: Failure) -> Reply:
        match failure:
            case RouteFailure():
                return replies.stone_error(409, endpoint.route.error_type, failure.error)
            case AuthFailure():
                return replies.unauthorised(replies.encode(auth.AuthError_validator, failure.error))
            case PathRootFailure():
                return replies.stone_error(422, common.PathRootError_validator, failure.error)
            case OverRate():
                self._refused += 1
                form = "text" if self._refused % 2 == 0 else "header"
                return replies.rate_limited("too_many_requests", failure.retry_after, form)
            case LockTaken():
                return replies.rate_limited("too_many_write_operations", 1, "header")
            case BadCall():
                return replies.text(400, f'Error in call to API function "{endpoint.spoken_name}": {failure}')
        raise failure


def with_failures(entries: list[Any], failures: Mapping[int, EntryFailure]) -> list[Any]:
    """A batch's results with the failures at their places: in between what was done, or over it."""
    done, mixed = iter(entries), []
    skipped = sum(not failure.took_effect for failure in failures.values())
    for index in range(len(entries) + skipped):
        failure = failures.get(index)
        if failure is None:
            mixed.append(next(done))
            continue
        if failure.took_effect:
            next(done)
        mixed.append({".tag": "failure", "failure": failure.error})
    return mixed


def _batch_size(arg: Any) -> int:
    entries = getattr(arg, "entries", None) or getattr(arg, "paths", None)
    return len(entries) if entries else 0


def committed_sizes(call: Call) -> list[int]:
    """Bytes of each file that the call commits from a session or its body; 0 for what moves no bytes."""
    arg = call.arg
    entries = getattr(arg, "entries", None) or getattr(arg, "paths", None)
    if entries:
        return [entry.cursor.offset if hasattr(entry, "cursor") else 0 for entry in entries]
    earlier = arg.cursor.offset if hasattr(arg, "cursor") else 0
    return [earlier + (call.body.size if call.body else 0)]


def lock_taken(route: str) -> Any:
    """The error of a batch's entry, in wire form. Only the union of `create_folder_batch` hides it under `path`."""
    error: dict[str, Any] = {".tag": "too_many_write_operations"}
    return {".tag": "path", "path": error} if route == "files/create_folder_batch" else error


def _is_host_of(endpoint: Endpoint, host: str) -> bool:
    """Only Dropbox's own names mean anything; on any other host everything is served."""
    dropbox_host = DROPBOX_HOST.fullmatch(host)
    return dropbox_host is None or dropbox_host["name"] == endpoint.host


def _methods(endpoint: Endpoint) -> frozenset[str]:
    return frozenset({"POST", "GET"} if endpoint.style == "download" else {"POST"})
