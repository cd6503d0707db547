"""The process that inspecting processes are forked from: `python -m huracan_spool.inspection.template`.

To start an interpreter and load pyarrow takes ten times as long as to look at a normal run. It is done once, here,
for as long as runs keep coming. Each run then has a fork of its own: what a file does to it ends with it. This
process reads no byte of any file.

Descriptor 0 is a socket. An order is one message on it: JSON, and with it the descriptors of a conversation, of
stdout and stderr, and of the files. The conversation's one word is the fork's exit status. When the daemon ends the
conversation, the fork is killed; when it closes the socket, all of them are, and this process ends.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from huracan_spool.inspection import child
from huracan_spool.inspection.confine import be_nice
from huracan_spool.manifest import Kind

MOST_FDS = 16
LONGEST_ORDER = 16 * 1024
Look = Callable[[dict[str, Any], Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class _Fork:
    """`pidfd` can be read from when the process has ended."""

    pid: int
    pidfd: int
    conversation: socket.socket


class Template:
    """`prepare` loads what an order needs, before the fork; `look` is all that the fork does."""

    def __init__(self, orders: socket.socket, prepare: Callable[[dict[str, Any]], None], look: Look) -> None:
        self._orders = orders
        self._prepare = prepare
        self._look = look
        self._selector = selectors.DefaultSelector()
        self._forks: dict[int, _Fork] = {}
        self._open = True

    def serve(self) -> None:
        """Until the daemon closes the socket."""
        self._selector.register(self._orders, selectors.EVENT_READ, self._take_order)
        while self._open:
            for key, _ in self._selector.select():
                key.data()
        for fork in self._forks.values():
            _kill(fork)

    def _take_order(self) -> None:
        message, fds, _, _ = socket.recv_fds(self._orders, LONGEST_ORDER, MOST_FDS)
        if not message:
            self._open = False
            return
        conversation, outputs = socket.socket(fileno=fds[0]), (fds[1], fds[2])
        try:
            self._begin(json.loads(message), conversation, outputs, fds[3:])
        except Exception:  # noqa: BLE001 - pyarrow does not load, or there is no process to be had
            os.write(outputs[1], traceback.format_exc().encode())
            _say(conversation, 1)
        finally:
            for fd in fds[1:]:
                os.close(fd)

    def _begin(
        self, order: dict[str, Any], conversation: socket.socket, outputs: tuple[int, int], files: list[int]
    ) -> None:
        self._prepare(order)
        gc.freeze()  # a collection in a fork would copy the pages of every object
        pid = os.fork()
        if pid == 0:
            _be_the_fork(lambda: self._look(order, files), outputs, files)
        with suppress(OSError):  # the fork does it as well: whoever is first
            os.setpgid(pid, pid)
        fork = _Fork(pid, os.pidfd_open(pid), conversation)
        self._forks[pid] = fork
        self._selector.register(fork.pidfd, selectors.EVENT_READ, lambda: self._bury(fork))
        self._selector.register(conversation, selectors.EVENT_READ, lambda: self._give_up(fork))

    def _give_up(self, fork: _Fork) -> None:
        if fork.pid in self._forks:  # else it was buried just now, in the same round
            self._selector.unregister(fork.conversation)
            _kill(fork)

    def _bury(self, fork: _Fork) -> None:
        _kill(fork)  # what is left of its group: until it has been waited for, the number is no one else's
        _, status = os.waitpid(fork.pid, 0)
        del self._forks[fork.pid]
        self._selector.unregister(fork.pidfd)
        os.close(fork.pidfd)
        with suppress(KeyError):
            self._selector.unregister(fork.conversation)
        _say(fork.conversation, os.waitstatus_to_exitcode(status))


def _kill(fork: _Fork) -> None:
    with suppress(ProcessLookupError):
        os.killpg(fork.pid, signal.SIGKILL)


def _say(conversation: socket.socket, status: int) -> None:
    with conversation, suppress(OSError):  # the daemon may not be listening any more
        conversation.send(str(status).encode())


def _be_the_fork(look: Callable[[], None], outputs: tuple[int, int], files: list[int]) -> None:
    """Never returns."""
    status = 1
    try:
        with suppress(OSError):
            os.setpgid(0, 0)
        os.dup2(outputs[0], 1)
        os.dup2(outputs[1], 2)
        _close_all_but({1, 2, *files})
        look()
        sys.stdout.flush()
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)


def _close_all_but(kept: set[int]) -> None:
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd not in kept:
            with suppress(OSError):  # the descriptor of the listing itself
                os.close(fd)


def main() -> None:
    be_nice()
    Template(socket.socket(fileno=0), *inspecting()).serve()


def inspecting() -> tuple[Callable[[dict[str, Any]], None], Look]:
    """What to do before a fork, and what to do in it: pyarrow is loaded when the first candles come."""
    child.leave_out(child.NOT_NEEDED)
    checks: dict[Kind, child.Check] = {}

    def prepare(order: dict[str, Any]) -> None:
        checks.update(child.load_checks([kind for kind in child.kinds_of(order) if kind not in checks]))

    def look(order: dict[str, Any], files: Sequence[int]) -> None:
        child.inspect_and_tell(order, files, checks)

    return prepare, look


if __name__ == "__main__":
    main()
