"""Tell systemd how we are: the datagrams of sd_notify(3).

`READY=1`, `STATUS=…`, `WATCHDOG=1`, `EXTEND_TIMEOUT_USEC=…`, and `STOPPING=1`, after which systemd waits for the
end; so a reload sends none. It is `RELOADING=1` and `MONOTONIC_USEC=…` in one call, then `READY=1`. Without the
microseconds `systemctl reload` may hang for minutes on newer systemd.
"""

from __future__ import annotations

import os
import socket
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# systemd answers at once or is in deep trouble; the event loop must not wait for the latter.
_PATIENCE_SECONDS = 0.5


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float:
    """How long systemd waits for the next `WATCHDOG=1`; for ever when nobody waits: sd_watchdog_enabled(3)."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return inf
    try:
        return int(environ.get("WATCHDOG_USEC", "")) / 1e6 or inf
    except ValueError:
        return inf


def notify(*assignments: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send all assignments in one datagram. False when nobody asked for them, or nobody could take them."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # Linux's abstract names begin with a zero byte
        address = f"\0{address[1:]}"
    message = "\n".join(text.replace("\n", " ") for text in assignments)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(_PATIENCE_SECONDS)
        try:
            channel.sendto(message.encode(errors="replace"), address)
        except OSError:
            return False
    return True
