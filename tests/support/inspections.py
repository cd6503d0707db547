"""Inspections that stand still: the process that they are forked from is stopped, so that no order is taken."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.daemon_process import DaemonProcess
from support.waiting import eventually


@dataclass(frozen=True)
class Held:
    """Each inspection that waits is a conversation, which is a socket of the daemon's."""

    daemon: int
    sockets_before: int

    async def wait_for(self, count: int) -> None:
        await eventually(lambda: _sockets(self.daemon) >= self.sockets_before + count, f"{count} inspections")


@contextmanager
def inspections_held(daemon: DaemonProcess) -> Iterator[Held]:
    """For a daemon that has inspected something in the last seconds, and uses no other sockets."""
    (template,) = (child for child in _children(daemon.process.pid) if b"inspection.template" in _command(child))
    os.kill(template, signal.SIGSTOP)
    try:
        yield Held(daemon.process.pid, _sockets(daemon.process.pid))
    finally:
        os.kill(template, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _sockets(pid: int) -> int:
    folder = f"/proc/{pid}/fd"
    return sum(_target(f"{folder}/{fd}").startswith("socket:") for fd in os.listdir(folder))


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""
