"""`status`: how things stand, read from the spool and the ledger; works while the daemon is down."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, load_settings
from huracan_spool.settings import Settings

RECENT = 5
_RUNNING = {True: "running", False: "NOT RUNNING", None: "unknown: only the daemon's user and root can tell"}


@click.command()
@config_option
@json_option
def status(config: Path | None, *, as_json: bool) -> None:
    """Show what waits and why, what is paused, what was done last, and what failed.

    Exits with 0 when nothing needs a person, with 1 when uploads are paused, runs failed, or the daemon is down.
    """
    settings = load_settings(config)
    try:
        state = _state(settings)
    except PermissionError:
        raise stop.Stop(
            f"{settings.spool.path} may not be read: try it as root, or join the group huracan", stop.NOPERM
        ) from None
    if as_json:
        click.echo(json.dumps(state, indent=2))
    else:
        _print(state)
    raise SystemExit(
        0 if state["running"] is not False and not state["paused"] and not state["failed"] else stop.NOT_SO
    )


def _state(settings: Settings) -> dict[str, Any]:
    from huracan_spool.ledger import read_ledger  # noqa: PLC0415 - structlog, for a command in a hurry
    from huracan_spool.spool.failed import failed_runs  # noqa: PLC0415

    spool = settings.spool.path
    pending = _pending(spool)
    ledger = read_ledger(settings.state_dir / "ledger.sqlite")
    waiting = [row for row in ledger.waiting_runs() if row.run in pending] if ledger else []
    pause = ledger.pause() if ledger else None
    if ledger:
        ledger.close()
    running = _running(settings.state_dir)
    return {
        "spool": str(spool),
        "store": "dropbox" if settings.uses_dropbox else f"local archive {settings.archive.path}",
        "running": running,
        "paused": asdict(pause) if pause and running is not False else None,
        "pending": len(pending),
        "waiting": [asdict(row) for row in waiting if row.waits_because],
        "failed": [asdict(run) for run in failed_runs(spool)],
        "recent": _recent(spool),
    }


def _pending(spool: Path) -> frozenset[str]:
    from huracan_spool.spool.protocol import run_of  # noqa: PLC0415

    try:
        names = os.listdir(spool)
    except FileNotFoundError:
        return frozenset()
    return frozenset(run for name in names if (run := run_of(name)) is not None and not name.startswith("."))


def _running(state_dir: Path) -> bool | None:
    """Whether a daemon holds the state directory's lock; None when this user may not look."""
    try:
        fd = os.open(state_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except PermissionError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _recent(spool: Path) -> list[dict[str, Any]]:
    """The last settled runs, newest first."""
    folder = spool / "receipts"
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except FileNotFoundError:
        return []
    newest = sorted(names, key=lambda name: (folder / name).stat().st_mtime, reverse=True)[:RECENT]
    receipts = (json.loads((folder / name).read_bytes()) for name in newest)
    keys = ("run", "symbol", "status", "settled_at", "superseded", "bytes_sent", "attempts")
    return [{key: receipt.get(key) for key in keys} for receipt in receipts]


def _print(state: Mapping[str, Any]) -> None:
    click.echo(f"daemon   {_RUNNING[state['running']]}")
    click.echo(f"spool    {state['spool']}")
    click.echo(f"store    {state['store']}")
    if pause := state["paused"]:
        click.echo(f"PAUSED   since {pause['since']}: {pause['reason']}")
        click.echo(f"         {pause['hint'] or 'tried again by itself'}")
    click.echo(f"pending  {state['pending']}")
    for row in state["waiting"]:
        click.echo(
            f"         {row['run']}  attempt {row['attempts']}, again at {row['due_at']}: {row['waits_because']}"
        )
    click.echo(f"failed   {len(state['failed'])}")
    for run in state["failed"]:
        click.echo(f"         {run['folder']}  {run['code']}: {run['reason']}")
    click.echo("recent" if state["recent"] else "recent   none")
    for receipt in state["recent"]:
        mark = " (superseded)" if receipt["superseded"] else ""
        click.echo(f"         {receipt['settled_at']}  {receipt['status']}{mark}  {receipt['run']}")
