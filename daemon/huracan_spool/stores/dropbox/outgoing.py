"""A body on its way out: at the pace of the bandwidth limit, and watched for progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType

from huracan_spool.activity import UNHEARD, Progress
from huracan_spool.errors import Rejected
from huracan_spool.stores.dropbox.body import Body, FileSlice, Slice
from huracan_spool.stores.dropbox.pacing import Bandwidth

# What is handed on at once: every grain costs a walk through aiohttp and TLS, but counts as progress only when it
# is out, so a line must move 1.5 kB/s to be taken for alive.
_GRAIN = 128 * 1024


class Deadline:
    """Ends its `async with` block by TimeoutError when nothing has moved for `idle` seconds.

    aiohttp's own socket time-out only begins when a body is out, so a peer that stops reading would hold the
    call for ever.
    """

    def __init__(self, idle: float) -> None:
        self.idle = idle
        self._timeout = asyncio.timeout(idle)
        self._over = False

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        await self._timeout.__aexit__(kind, error, trace)

    @property
    def expired(self) -> bool:
        return self._timeout.expired()

    def moved(self) -> None:
        self._set(asyncio.get_running_loop().time() + self.idle)

    def hold(self) -> None:
        """Until the next move the time is spent on our side: on the disk, on the bandwidth limit."""
        self._set(None)

    def _set(self, when: float | None) -> None:
        # The body is sent by a task of aiohttp's, which may outlive the block by a moment.
        if not self._over and not self.expired:
            self._timeout.reschedule(when)


class Outgoing:
    """Yields a body to aiohttp. `failure` keeps an error of ours, which aiohttp reports as its own."""

    def __init__(
        self, body: Body, bandwidth: Bandwidth | None, deadline: Deadline, progress: Progress = UNHEARD
    ) -> None:
        self._body = body
        self._progress = progress
        self._bandwidth = bandwidth
        self._deadline = deadline
        self.failure: Rejected | None = None

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        self._deadline.hold()
        try:
            for part in self._body.slices:
                out = 0
                async for chunk in part.chunks():
                    async for grain in self._grains(memoryview(chunk)):
                        self._deadline.moved()
                        yield grain
                        out += len(grain)
                        self._tell(part, out, len(grain))
                        self._deadline.hold()
        except Rejected as error:
            self.failure = error
            raise
        self._deadline.moved()

    def _tell(self, part: Slice, out: int, count: int) -> None:
        if self._bandwidth is None:  # an argument in JSON, no content
            return
        self._progress.sent(count)
        if isinstance(part, FileSlice):
            self._progress.moved(part.fd, part.offset, out)

    async def _grains(self, chunk: memoryview) -> AsyncIterator[memoryview]:
        while chunk:
            grain = chunk[:_GRAIN]
            if self._bandwidth is not None:
                grain = grain[: self._bandwidth.grain]
                await self._bandwidth.take(len(grain))
            yield grain
            chunk = chunk[len(grain) :]
