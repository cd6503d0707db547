"""What several commands share: loading settings, and telling why that failed."""

from __future__ import annotations

import os
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


def load_settings(config: Path | None) -> Settings:
    """Ends the command, with every problem on stderr, when there is any."""
    try:
        settings = load(config, os.environ)
    except ConfigurationError as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        code = stop.NOPERM if isinstance(error, ConfigurationNotPermitted) else stop.CONFIG
        raise stop.Stop(f"the configuration can't be used:\n{problems}", code) from None
    return settings
