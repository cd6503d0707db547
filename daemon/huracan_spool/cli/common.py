"""What several commands share: loading settings, and telling why that failed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from huracan_spool.cli import stop
from huracan_spool.settings import ConfigurationError, ConfigurationNotPermitted, Settings, load

F = TypeVar("F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration file [default: /etc/huracan-spool/config.yaml, if it is there].",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def load_settings(config: Path | None, *, secrets_needed: bool = False) -> Settings:
    """Ends the command, with every problem on stderr, when there is any."""
    try:
        settings = load(config, os.environ, secrets_needed=secrets_needed)
    except ConfigurationError as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        code = stop.NOPERM if isinstance(error, ConfigurationNotPermitted) else stop.CONFIG
        raise stop.Stop(f"the configuration can't be used:\n{problems}", code) from None
    return settings


def log_to_stderr(settings: Settings) -> None:
    """For commands that use parts of the daemon: what those warn of is talk, and stdout is for results."""
    from huracan_spool import logs  # noqa: PLC0415 - structlog, which most commands do without

    for secret in settings.secrets():
        logs.hide(secret.reveal())
    logs.configure("text", "warning", stream=sys.stderr)
