"""`doctor`: is this host set up right, and if not, what to type."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, log_to_stderr
from huracan_spool.settings import DEFAULT_CONFIG, ConfigurationError, Settings, load

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "bright_black"}


@click.command()
@config_option
@json_option
def doctor(config: Path | None, *, as_json: bool) -> None:
    """Look for everything that can be wrong on this host.

    One line for each finding, ok, warn, fail or skip (could not be looked at), and below it the command that
    mends it. Changes nothing, and works with a configuration that can't be used. As root it sees the most.

    Exits with 0 when nothing fails, with 1 otherwise.
    """
    settings: Settings | None = None
    refused: ConfigurationError | None = None
    try:
        settings = load(config, os.environ)
    except ConfigurationError as error:
        refused = error
    else:
        log_to_stderr(settings)
    from huracan_spool.doctor.examination import examine  # noqa: PLC0415 - the SDK takes long to load
    from huracan_spool.doctor.finding import FAIL, Host  # noqa: PLC0415
    from huracan_spool.logs import redacted  # noqa: PLC0415

    failed, findings = False, []
    for check, finding in examine(Host(config or DEFAULT_CONFIG, os.environ, settings, refused)):
        failed = failed or finding.level == FAIL
        findings.append({"check": check, **asdict(finding)})
        if not as_json:
            mark = click.style(f"{finding.level:<4}", fg=_COLOURS[finding.level])
            click.echo(redacted(f"{mark}  {check}: {finding.says}"))
            if finding.fix:
                click.echo(f"      {finding.fix}")
    if as_json:
        click.echo(redacted(json.dumps({"ok": not failed, "findings": findings}, indent=2)))
    raise SystemExit(stop.NOT_SO if failed else 0)
