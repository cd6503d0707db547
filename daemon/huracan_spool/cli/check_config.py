"""`check-config`: what the daemon would use, or everything that is wrong with it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huracan_spool.settings import ConfigurationError, ConfigurationNotPermitted, load

if TYPE_CHECKING:
    from huracan_spool.settings import Settings

EXIT_NOT_PERMITTED = 77
EXIT_CONFIGURATION = 78


@click.command("check-config")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Instead of the default file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check_config(config: Path | None, *, as_json: bool) -> None:
    """Print the settings that the daemon would use, and where each comes from.

    Secrets are shown as ***. Exits with 78 if anything is wrong, with 77 if the file is open to others.
    """
    try:
        settings = load(config, os.environ)
    except ConfigurationError as error:
        _print_problems(error, as_json=as_json)
        not_permitted = isinstance(error, ConfigurationNotPermitted)
        raise SystemExit(EXIT_NOT_PERMITTED if not_permitted else EXIT_CONFIGURATION) from None
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        click.echo(json.dumps(_as_json(settings), indent=2))
    else:
        _print_settings(settings)


def _print_problems(error: ConfigurationError, *, as_json: bool) -> None:
    if as_json:
        problems = [asdict(problem) for problem in error.problems]
        click.echo(json.dumps({"ok": False, "problems": problems}, indent=2))
        return
    for problem in error.problems:
        click.echo(str(problem), err=True)


def _as_json(settings: Settings) -> dict[str, object]:
    sections = {
        section: {name: asdict(source) for name, source in sources.items()}
        for section, sources in settings.public().items()
    }
    return {
        "ok": True,
        "store": "dropbox" if settings.uses_dropbox else "local",
        "settings": {**sections.pop(""), **sections},
        "warnings": list(settings.warnings),
    }


def _print_settings(settings: Settings) -> None:
    for section, sources in settings.public().items():
        for name, source in sources.items():
            path = f"{section}.{name}" if section else name
            text = "(none)" if source.text is None else source.text or '""'
            click.echo(f"{path:<26} {text:<42} {source.origin}")
    if not settings.uses_dropbox:
        click.echo("note: no Dropbox credentials here, so runs go to archive.path", err=True)
