"""`status`: how things stand, read from the spool and the ledger; works while the daemon is down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, load_settings
from huracan_spool.settings import Settings

if TYPE_CHECKING:
    from huracan_spool.overview import Overview

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
        overview = _overview(settings)
    except PermissionError:
        raise stop.Stop(
            f"{settings.spool.path} may not be read: try it as root, or join the group huracan", stop.NOPERM
        ) from None
    if as_json:
        click.echo(json.dumps(overview.to_json(), indent=2))
    else:
        _print(overview)
    raise SystemExit(0 if overview.is_well else stop.NOT_SO)


def _overview(settings: Settings) -> Overview:
    from huracan_spool.overview import read_overview, store_name  # noqa: PLC0415 - structlog, for a command in a hurry

    store = store_name(uses_dropbox=settings.uses_dropbox, archive=settings.archive.path)
    return read_overview(settings.spool.path, settings.state_dir, store)


def _print(overview: Overview) -> None:
    click.echo(f"daemon   {_RUNNING[overview.running]}")
    click.echo(f"spool    {overview.spool}")
    click.echo(f"store    {overview.store}")
    if pause := overview.paused:
        click.echo(f"PAUSED   since {pause.since}: {pause.reason}")
        click.echo(f"         {pause.hint or 'tried again by itself'}")
    click.echo(f"pending  {overview.pending}")
    for row in overview.waiting:
        click.echo(f"         {row.run}  attempt {row.attempts}, again at {row.due_at}: {row.waits_because}")
    click.echo(f"failed   {len(overview.failed)}")
    for run in overview.failed:
        click.echo(f"         {run.folder}  {run.code}: {run.reason}")
    click.echo("recent" if overview.recent else "recent   none")
    for recent in overview.recent:
        mark = " (superseded)" if recent.superseded else ""
        click.echo(f"         {recent.settled_at}  {recent.status}{mark}  {recent.run}")
