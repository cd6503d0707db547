"""An answer on its way down the line, and the faults that keep it from arriving whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing

from aiohttp import web

from huracan_spool.emulator.calls import CallRecord
from huracan_spool.emulator.faults import ActiveFault, Fault
from huracan_spool.emulator.replies import Reply
from huracan_spool.emulator.wan import Wan

# The line is shared piece by piece: with large ones a short answer would wait for megabytes of the others, and
# who sends in smaller ones than the rest would get less of it.
PIECE_BYTES = 128 * 1024


class ConnectionCut(Exception):
    """A fault ends the connection here."""


class Delivery:
    """Sends one reply, at the pace of the line and of whoever reads: nothing is made before it can be sent."""

    def __init__(
        self,
        request: web.Request,
        record: CallRecord,
        striking: Sequence[ActiveFault],
        wan: Wan,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._request = request
        self._record = record
        self._wan = wan
        self._sleep = sleep
        self._stall = _first(striking, "stall")
        self._corruption = _first(striking, "corrupt")
        self._cut = _first(striking, "truncate") or _first(striking, "reset_mid_reply")

    async def send(self, reply: Reply, headers: dict[str, str]) -> web.StreamResponse:
        spoiled = self._cut or self._stall or self._corruption
        if spoiled is None and isinstance(reply.body, bytes) and len(reply.body) <= PIECE_BYTES:
            await self._wan.download(self._request.transport, len(reply.body))
            self._record.sent = len(reply.body)
            return web.Response(status=reply.status, body=reply.body, headers=headers)
        response = web.StreamResponse(status=reply.status, headers=headers)
        # Without a length aiohttp chunks, and closes the connection of a client of HTTP/1.0.
        response.content_length = reply.size
        await response.prepare(self._request)
        with closing(reply.chunks()) as chunks:
            await self._write(response, chunks)
        if self._cut is not None:
            self._end_early(self._cut)
        return response

    async def _write(self, response: web.StreamResponse, chunks: Iterator[bytes]) -> None:
        for piece in self._pieces(chunks):
            if self._stall is not None and self._record.sent == self._stall.after_bytes:
                await self._sleep(self._stall.seconds)
            await self._wan.download(self._request.transport, len(piece))
            await response.write(self._corrupted(piece))
            self._record.sent += len(piece)

    def _corrupted(self, piece: memoryview) -> bytes | memoryview:
        at = -1 if self._corruption is None else self._corruption.after_bytes - self._record.sent
        if not 0 <= at < len(piece):
            return piece
        spoiled = bytearray(piece)
        spoiled[at] ^= 0xFF
        return bytes(spoiled)

    def _pieces(self, chunks: Iterator[bytes]) -> Iterator[memoryview]:
        """Cut for the line, at the byte of a stall, and off at that of a cut."""
        sent, end = 0, None if self._cut is None else self._cut.after_bytes
        stall = None if self._stall is None else self._stall.after_bytes
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                size = PIECE_BYTES if self._wan.is_limited else len(view)
                for edge in (stall, end):
                    if edge is not None and sent < edge:
                        size = min(size, edge - sent)
                if end is not None and sent >= end:
                    return
                yield view[:size]
                sent, view = sent + len(view[:size]), view[size:]

    def _end_early(self, cut: Fault) -> None:
        if cut.kind == "reset_mid_reply" or self._request.transport is None:
            raise ConnectionCut
        # What was written goes out before the FIN, and nothing after: no last chunk says that this was all.
        self._request.transport.close()


def _first(striking: Sequence[ActiveFault], kind: str) -> Fault | None:
    return next((active.fault for active in striking if active.fault.kind == kind), None)
