"""Messages to systemd, received by a socket of our own."""

from __future__ import annotations

import os
import socket
from math import inf
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from huracan_spool.systemd import notify, watchdog_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.settimeout(5)
        yield receiving


def test_one_call_is_one_datagram(receiver: socket.socket, tmp_path: Path) -> None:
    receiver.bind(str(tmp_path / "notify"))
    assert notify("READY=1", "STATUS=3 runs wait", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert receiver.recv(4096) == b"READY=1\nSTATUS=3 runs wait"


def test_abstract_names_begin_with_an_at_sign(receiver: socket.socket) -> None:
    name = f"huracan-spool-{uuid4()}"
    receiver.bind(f"\0{name}")
    assert notify("STOPPING=1", environ={"NOTIFY_SOCKET": f"@{name}"})
    assert receiver.recv(4096) == b"STOPPING=1"


def test_a_line_break_in_a_status_starts_no_second_assignment(receiver: socket.socket, tmp_path: Path) -> None:
    receiver.bind(str(tmp_path / "notify"))
    assert notify("STATUS=bad\nMAINPID=1\udcff", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert receiver.recv(4096) == b"STATUS=bad MAINPID=1?"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_socket_nothing_is_sent(environ: dict[str, str]) -> None:
    assert not notify("READY=1", environ=environ)


def test_a_systemd_that_is_gone_is_no_error(tmp_path: Path) -> None:
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": f"/{'x' * 200}"})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, inf),
        ({"WATCHDOG_USEC": "60000000"}, 60),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, inf),
        ({"WATCHDOG_USEC": "0"}, inf),
        ({"WATCHDOG_USEC": "soon"}, inf),
    ],
)
def test_how_long_the_watchdog_waits(environ: dict[str, str], seconds: float) -> None:
    assert watchdog_seconds(environ) == seconds
