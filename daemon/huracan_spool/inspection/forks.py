"""The daemon's side of the template: start it when there is work, let it go when there is none."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

# Isolated from the daemon's environment, which may hold a token. One thread, for a process with more can't be
# forked safely, and the memory pool whose refusals under a limit are exceptions.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    "TZ": "UTC",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OMP_NUM_THREADS": "1",
}
TEMPLATE = (sys.executable, "-I", "-B", "-m", "huracan_spool.inspection.template")
IDLE = 10.0  # seconds without work, after which its memory is worth more than the start of another
_ENDING = 5.0  # seconds for the template to kill a fork
_ANSWER = 16  # bytes


class TemplateEnded(OSError):
    """The process that would have told how a fork ended has ended itself."""


@dataclass(frozen=True)
class Output:
    reader: asyncio.StreamReader
    transport: asyncio.BaseTransport


@dataclass(frozen=True)
class Fork:
    """A process that looks at a run's files."""

    conversation: socket.socket
    stdout: Output
    stderr: Output

    async def status(self) -> int:
        """The exit code, or minus the signal's number. Raises `TemplateEnded`."""
        answer = await asyncio.get_running_loop().sock_recv(self.conversation, _ANSWER)
        if not answer:
            raise TemplateEnded("its parent process has ended")
        return int(answer)

    async def killed(self) -> None:
        """Have it ended, by itself or not. Raises `TimeoutError` when the template does nothing."""
        with suppress(OSError):
            self.conversation.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(_ENDING):
            with suppress(OSError):
                await self.status()

    def close(self) -> None:
        self.conversation.close()
        self.stdout.transport.close()
        self.stderr.transport.close()


class Forks:
    """`async with` ends the template. `command` is how it is started."""

    def __init__(self, command: Sequence[str] = TEMPLATE, idle: float = IDLE) -> None:
        self._command = command
        self._idle = idle
        self._starting = asyncio.Lock()
        self._template: Process | None = None
        self._orders: socket.socket | None = None
        self._under_way = 0
        self._retiring: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        template = self._template
        self._let_go()
        if template is None:
            return
        try:
            async with asyncio.timeout(_ENDING):
                await template.wait()
        except TimeoutError:
            template.kill()
            await template.wait()

    @asynccontextmanager
    async def fork(self, order: bytes, files: Sequence[int]) -> AsyncIterator[Fork]:
        """A fork that looks at the files; killed in the end. Raises `OSError` when there can be none."""
        self._under_way += 1
        try:
            fork = await self._begin(order, files)
            try:
                yield fork
            finally:
                await self._end(fork)
        finally:
            self._under_way -= 1
            self._retire_later()

    async def _begin(self, order: bytes, files: Sequence[int]) -> Fork:
        orders = await self._open_orders()
        try:
            return await self._sent(order, files, orders)
        except OSError as error:
            if orders is self._orders:
                if not isinstance(error, BrokenPipeError):
                    raise
                self._let_go()  # the template has ended, and nobody has told us yet
        return await self._sent(order, files, await self._open_orders())

    async def _sent(self, order: bytes, files: Sequence[int], orders: socket.socket) -> Fork:
        with ExitStack() as theirs, ExitStack() as ours:
            conversation, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            theirs.callback(end.close)
            ours.callback(conversation.close)
            conversation.setblocking(False)  # noqa: FBT003 - the socket's own interface
            (stdout, out), (stderr, err) = [await _pipe(theirs, ours) for _ in range(2)]
            socket.send_fds(orders, [order], [end.fileno(), out, err, *files])
            ours.pop_all()
        return Fork(conversation, stdout, stderr)

    async def _end(self, fork: Fork) -> None:
        """Kill what is left of it; and the template too, if it does not do that."""
        try:
            await fork.killed()
        except TimeoutError:
            self._let_go(by_force=True)
        finally:
            fork.close()

    async def _open_orders(self) -> socket.socket:
        async with self._starting:
            if self._orders is None:
                self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self._orders.setblocking(False)  # noqa: FBT003
                with theirs:
                    self._template = await self._start(theirs)
            return self._orders

    async def _start(self, orders: socket.socket) -> Process:
        """In a session of its own: what a terminal sends to the daemon is not for it. Raises `OSError`."""
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=orders.fileno(),
                stdout=DEVNULL,
                stderr=DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except BaseException:
            self._let_go()
            raise

    def _retire_later(self) -> None:
        if self._retiring is not None:
            self._retiring.cancel()
        self._retiring = asyncio.get_running_loop().call_later(self._idle, self._retire)

    def _retire(self) -> None:
        if self._under_way == 0:
            self._let_go()

    def _let_go(self, *, by_force: bool = False) -> None:
        """Without its socket the template ends, and its forks with it."""
        if self._retiring is not None:
            self._retiring.cancel()
            self._retiring = None
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if by_force and self._template is not None:
            with suppress(ProcessLookupError):
                self._template.kill()
        self._template = None


async def _pipe(theirs: ExitStack, ours: ExitStack) -> tuple[Output, int]:
    """What comes out of it, and the descriptor of the end that is written to."""
    read, write = os.pipe()
    theirs.callback(os.close, write)
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb", 0)
    )
    ours.callback(transport.close)
    return Output(reader, transport), write
