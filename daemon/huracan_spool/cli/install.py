"""`install` and `uninstall`: the service on this host."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from huracan_spool.cli import stop
from huracan_spool.install.files import Places, Shipped
from huracan_spool.install.steps import (
    DATA,
    InstallFailed,
    Step,
    install_steps,
    systemd_version,
    uninstall_steps,
    why_not,
)

_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
_root = click.option(
    "--root",
    type=click.Path(file_okay=False, exists=True, path_type=Path, resolve_path=True),
    default=Path("/"),
    metavar="DIR",
    help="Write the files of an image below DIR; nothing is started.",
)


@click.command()
@_dry_run
@_root
def install(*, dry_run: bool, root: Path) -> None:
    """Set up the service on this host, and start it, from the virtual environment this command is in.

    May be run again at any time: after an upgrade it replaces the units and starts the new version. The
    configuration, the queue and the history are kept.
    """
    venv = Path(sys.prefix)
    problem = why_not(venv, Path(sys.executable))
    if problem is not None:
        raise stop.Stop(problem, stop.CONFIG)
    _take(
        install_steps(Shipped.with_package(venv), Places.local(), systemd_version(), root),
        dry_run=dry_run,
        root=root,
    )
    if not dry_run and root == Path("/"):
        click.echo("huracan-spool runs. Whoever trains must be in the group huracan:")
        click.echo("  usermod --append --groups huracan NAME")


@click.command()
@_dry_run
@_root
def uninstall(*, dry_run: bool, root: Path) -> None:
    """Stop the service and remove what `install` wrote; configuration, queue and history stay."""
    shipped = Shipped.with_package(Path(sys.prefix))
    _take(uninstall_steps(shipped, Places.local(), systemd_version(), root), dry_run=dry_run, root=root)
    click.echo(f"kept: {' '.join(DATA)}, the user huracan-spool and the group huracan")


def _take(steps: Iterable[Step], *, dry_run: bool, root: Path) -> None:
    if not dry_run and root == Path("/") and os.geteuid() != 0:
        raise stop.Stop("only root may do this; --dry-run shows what it would be", stop.NOPERM)
    for step in steps:
        click.echo(step.told)
        if dry_run:
            continue
        try:
            step.do()
        except InstallFailed as error:
            raise stop.Stop(str(error), stop.SOFTWARE) from None
        except OSError as error:
            raise stop.Stop(f"{step.told}: {error.strerror}", stop.NOPERM) from None
