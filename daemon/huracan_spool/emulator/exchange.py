"""One request and its answer on the wire, with whatever faults strike it."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from huracan_spool.emulator import replies
from huracan_spool.emulator.arguments import ARG_HEADER
from huracan_spool.emulator.calls import CallRecord
from huracan_spool.emulator.delivery import ConnectionCut, Delivery
from huracan_spool.emulator.failures import EntryFailure
from huracan_spool.emulator.faults import ActiveFault, Fault
from huracan_spool.emulator.options import EmulatorOptions
from huracan_spool.emulator.replies import Reply
from huracan_spool.emulator.wan import Wan

# Linger for zero seconds: closing sends RST instead of FIN, and throws away what is still unsent.
NO_LINGER = struct.pack("ii", 1, 0)


class Exchange:
    """Reads the request for the function that answers it, and sends what it answered, or something worse."""

    def __init__(
        self,
        request: web.Request,
        record: CallRecord,
        striking: Sequence[ActiveFault],
        options: EmulatorOptions,
        wan: Wan,
    ) -> None:
        self.request = request
        self.record = record
        self._striking = striking
        self._options = options
        self._wan = wan
        record.faults = tuple(active.fault.kind for active in striking)

    async def run(self, answer: Callable[[Exchange], Awaitable[Reply]]) -> web.StreamResponse:
        try:
            await self._wan.arrive(self.request.transport)
            await self._wait(after_effect=False)
            reply = await self._reply(answer)
            await self._wait(after_effect=True)
            return await self._send(reply)
        except ConnectionCut:
            self._reset()
        except (ConnectionError, ssl.SSLError, web.RequestPayloadError):
            # The client went away while its body was read: nobody is there to be answered.
            self._reset()
        return web.Response()

    async def body(self) -> AsyncIterator[bytes]:
        cut = self._fault("reset_mid_body")
        while chunk := await self.request.content.readany():
            self.record.received += len(chunk)
            await self._wan.upload(self.request.transport, len(chunk))
            if cut and self.record.received >= cut.after_bytes:
                raise ConnectionCut
            yield chunk
        if cut:
            raise ConnectionCut

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.body()])

    async def drain(self) -> None:
        """A client that is still sending does not read the answer."""
        async for _ in self.body():
            pass

    async def _note(self) -> None:
        """Let the body pass, and log what the call would have done."""
        if self.request.content_type == replies.JSON_TYPE:
            self.record.take_argument(await self.read())
            return
        self.record.take_argument(self.request.headers.get(ARG_HEADER, ""))
        await self.drain()

    def entry_failures(self, entries: int) -> Mapping[int, EntryFailure]:
        return {
            index: EntryFailure(error, active.fault.after_effect)
            for active in self._striking
            if active.fault.kind == "entries"
            for index, error in active.fault.entries.items()
            if index < entries
        }

    async def _wait(self, *, after_effect: bool) -> None:
        for active in self._striking:
            if active.fault.after_effect != after_effect:
                continue
            if active.fault.kind == "delay":
                await self._options.sleep(active.fault.seconds)
            elif active.fault.kind == "hold":
                await active.hold()

    async def _reply(self, answer: Callable[[Exchange], Awaitable[Reply]]) -> Reply:
        """Take effect, unless a fault says otherwise, and say so, unless a fault says otherwise."""
        if self._fault("refuse"):
            raise ConnectionCut
        if self._fault("reset_before"):
            await self._note()
            raise ConnectionCut
        spoiling, replacement = self._replacement()
        if spoiling is not None and replacement is not None and not spoiling.after_effect:
            await self._note()
            return replacement
        reply = await answer(self)
        if self._fault("reset_after"):
            raise ConnectionCut
        if (mislabelled := self._fault("wrong_content_type")) is not None:
            reply = replace(reply, content_type=mislabelled.content_type)
        return replacement or reply

    def _replacement(self) -> tuple[Fault, Reply] | tuple[None, None]:
        for active in self._striking:
            reply = replacing_reply(active.fault)
            if reply is not None:
                return active.fault, reply
        return None, None

    async def _send(self, reply: Reply) -> web.StreamResponse:
        self.record.status = reply.status
        delivery = Delivery(self.request, self.record, self._striking, self._wan, self._options.sleep)
        return await delivery.send(reply, self._headers(reply))

    def _headers(self, reply: Reply) -> dict[str, str]:
        elapsed_ms = int((self._options.clock() - self.record.started) * 1000)
        headers = {
            "Content-Type": reply.content_type,
            "X-Dropbox-Request-Id": self.record.request_id,
            "X-Server-Response-Time": str(elapsed_ms),
            "X-Dropbox-Response-Origin": "far_remote",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
            "Server": "envoy",
        }
        if reply.status >= 400:
            headers |= {"Content-Security-Policy": "sandbox", "Content-Disposition": "attachment"}
        return {**headers, **reply.headers}

    def _fault(self, kind: str) -> Fault | None:
        return next((active.fault for active in self._striking if active.fault.kind == kind), None)

    def _reset(self) -> None:
        self.record.status = None
        transport = self.request.transport
        if transport is None:
            return
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()


def replacing_reply(fault: Fault) -> Reply | None:
    """What a fault says instead of the truth; None for a fault that works otherwise."""
    match fault.kind:
        case "html":
            return replies.html(200, "Sign in to the network")
        case "wrong_json":
            return replies.of_json(200, {"unexpected": [1, 2, 3]})
        case "bad_request":
            return replies.text(400, fault.body or f'Error in call to API function "{fault.route}": refused')
        case "auth":
            return replies.unauthorised(fault.wire_error)
        case "access":
            return replies.error(403, fault.wire_error)
        case "error":
            return replies.error(409, fault.wire_error)
        case "rate_limit":
            return replies.rate_limited(fault.tag, fault.retry_after, fault.form or "header")
        case "server_error":
            return replies.server_error(fault.status, fault.form or "empty")
        case "reply":
            return Reply(fault.status, fault.content_type, fault.body.encode(), fault.headers)
    return None
