"""Checks of the running service: what systemd says of it, and its HTTP address."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

from huracan_spool.doctor.finding import FAIL, OK, WARN, CantLook, Finding, Host, needed, output_of
from huracan_spool.overview import read_overview

_UNIT = "huracan-spool.service"
_PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts,ExecMainStatus"


def service(_: Host) -> Iterator[Finding]:
    shown = output_of("systemctl", "show", _UNIT, f"--property={_PROPERTIES}")
    found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if found.get("LoadState") != "loaded":
        yield Finding(WARN, f"{_UNIT} is not installed", "huracan-spool install")
        return
    if found.get("ActiveState") != "active":
        says = f"{_UNIT} is {found.get('ActiveState')} ({found.get('Result')}, exit {found.get('ExecMainStatus')})"
        yield Finding(FAIL, says, f"journalctl -u {_UNIT} -n 50; systemctl start {_UNIT}")
        return
    if found.get("UnitFileState") not in {"enabled", "static"}:
        yield Finding(WARN, f"{_UNIT} does not start at boot", f"systemctl enable {_UNIT}")
    restarts = int(found.get("NRestarts") or 0)
    if restarts:
        yield Finding(WARN, f"{_UNIT} was restarted {restarts} time(s)", f"journalctl -u {_UNIT} -p warning")
    else:
        yield Finding(OK, f"{_UNIT} is running")


def http_address(host: Host) -> Iterator[Finding]:
    settings = needed(host)
    listen = settings.http.listen
    if listen is None:
        raise CantLook("http.listen is off")
    running = read_overview(settings.spool.path, settings.state_dir, "").running
    if isinstance(listen, Path):
        yield from _answers(str(listen), _can_connect(listen), running=running)
        return
    shown = f"{listen.host}:{listen.port}"
    if running:
        yield from _answers(shown, _can_connect((listen.host, listen.port)), running=running)
    elif running is None:
        raise CantLook("only the daemon's user and root can tell whether it runs")
    else:
        yield _free(listen.host, listen.port, shown)


def _answers(shown: str, reached: str, *, running: bool | None) -> Iterator[Finding]:
    if not reached:
        yield Finding(OK, f"the daemon answers at {shown}")
    elif running:
        yield Finding(WARN, f"the daemon does not answer at {shown}: {reached}", "huracan-spool check-config")
    else:
        raise CantLook("the daemon does not run")


def _can_connect(address: Path | tuple[str, int]) -> str:
    """Empty, or what went wrong."""
    try:
        if isinstance(address, Path):
            with socket.socket(socket.AF_UNIX) as local:
                local.connect(str(address))
        else:
            socket.create_connection(address, 5).close()
    except OSError as error:
        return str(error)
    return ""


def _free(address: str, port: int, shown: str) -> Finding:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            taken = "is taken by another program" if error.errno == errno.EADDRINUSE else str(error)
            return Finding(WARN, f"{shown} {taken}: no status page, no metrics", f"ss -ltnp 'sport = :{port}'")
    return Finding(OK, f"{shown} is free")
