"""How a run is named on the command line."""

from __future__ import annotations

from datetime import date, datetime

import click

from huracan_spool.cli.reading import day_of
from huracan_spool.manifest import parse_trained_at


def day_or_time(text: str) -> date | datetime:
    """A date stands for the latest run of the day; a superseded one is named by its very time."""
    if len(text) <= len("2025-11-12"):
        return day_of(text)
    try:
        return parse_trained_at(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no date such as 2025-11-12, nor a time such as 2025-11-12T16:49:20Z"
        ) from None
