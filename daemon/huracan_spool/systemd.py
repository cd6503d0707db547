"""Tell systemd how we are: the datagrams of sd_notify(3).

`READY=1`, `STATUS=…`, `STOPPING=1`, `WATCHDOG=1`; a reload is `RELOADING=1` and `MONOTONIC_USEC=…` in one
call, then `READY=1`. Without the microseconds `systemctl reload` may hang for minutes on newer systemd.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# systemd answers at once or is in deep trouble; the event loop must not wait for the latter.
_PATIENCE_SECONDS = 0.5


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
