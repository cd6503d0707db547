"""What the daemon tells systemd in the course of its life, received by a socket of our own."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.runs import make_run
from support.site import Site
from support.waiting import eventually

WATCHDOG_USEC = 200_000


class Told:
    """Everything so far, one line an assignment."""

    def __init__(self, receiving: socket.socket, address: Path) -> None:
        self._receiving = receiving
        self._lines: list[str] = []
        self.wrapper = ("env", f"NOTIFY_SOCKET={address}", f"WATCHDOG_USEC={WATCHDOG_USEC}")

    @property
    def lines(self) -> list[str]:
        while True:
            try:
                self._lines += self._receiving.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self._lines

    @property
    def states(self) -> list[str]:
        return [line for line in self.lines if line in {"READY=1", "RELOADING=1", "STOPPING=1"}]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(str(tmp_path / "notify"))
        receiving.setblocking(False)
        yield Told(receiving, tmp_path / "notify")


async def test_from_start_to_stop(site: Site, told: Told) -> None:
    """A reload is no stop, and the watchdog is fed only when there is a daemon to be watched."""
    run = make_run()
    async with site.daemon(*told.wrapper) as daemon:
        await eventually(lambda: "WATCHDOG=1" in told.lines, "a fed watchdog")
        run.publish(site.spool)
        await daemon.settled(run.name)
        day = site.receipt(run.name)["settled_at"].partition("T")[0]
        status = f"STATUS=0 pending, 0 under way, 1 settled, last upload {day}T"
        await eventually(lambda: any(line.startswith(status) for line in told.lines), status)
        daemon.signal(signal.SIGHUP)
        await daemon.logged_times(2, "daemon_ready")
        await eventually(lambda: told.states.count("READY=1") == 2, "an end of the reload")
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0
    assert told.states == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert told.lines.index("WATCHDOG=1") > told.lines.index("READY=1")
    assert told.lines[told.lines.index("RELOADING=1") + 1].startswith("MONOTONIC_USEC=")
    assert told.lines[told.lines.index("STOPPING=1") + 1] == "EXTEND_TIMEOUT_USEC=16000000"


@pytest.mark.parametrize(
    ("mischief", "reason"),
    [
        (lambda spool: spool.chmod(0o3777), "writable by everybody"),
        (lambda spool: os.chown(spool, 12345, -1), "belongs to user 12345"),
        (lambda spool: os.chown(spool, -1, 12345), "given to the group 12345"),
    ],
    ids=["mode", "owner", "group"],
)
async def test_a_spool_that_is_unsafe_by_now_ends_the_daemon(site: Site, mischief, reason: str) -> None:
    """With 75: it is started again, and by then the folder is repaired or refused."""
    async with site.daemon() as daemon:
        mischief(site.spool)
        ended = await daemon.logged("daemon_ended")
        assert await daemon.ended() == 75
    assert reason in ended.fields["reason"]
