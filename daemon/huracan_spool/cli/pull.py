"""`pull`: runs from the store to a folder of this host."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option
from huracan_spool.cli.reading import (
    day_of,
    local_option,
    opened_archive,
    print_json,
    since_option,
    symbol_folder,
    until_option,
)


@click.command()
@click.argument("symbol", type=symbol_folder)
@click.argument("day", type=day_of, required=False)
@since_option
@until_option
@click.option("--superseded", is_flag=True, help="Superseded runs too.")
@click.option("--to", type=click.Path(path_type=Path), default=Path(), help="Where to [default: here].")
@local_option
@config_option
@json_option
def pull(
    symbol: str,
    day: date | None,
    since: date | None,
    until: date | None,
    to: Path,
    config: Path | None,
    *,
    superseded: bool,
    local: bool,
    as_json: bool,
) -> None:
    """Fetch the run of SYMBOL and DAY, or all from --since to --until, each into a folder of its own.

    A folder appears when all of its files are there and proven by content hash. What is there already is not
    fetched again; what was interrupted goes on where it was. Prints the folders. Exits with 1 when there is
    no such run, or when what the store has is not what its record says.
    """
    if (day is None) == (since is None and until is None):
        raise click.UsageError("name a day, or --since and --until")
    with opened_archive(config, local=local) as archive:
        runs = archive.select(symbol, since=day or since, until=day or until, superseded=superseded)
        if not runs:
            raise stop.Stop(f"there is no run of {symbol} then", stop.NOT_SO)
        folders = archive.pull(runs, to)
    if as_json:
        print_json(
            [
                {
                    "symbol": run.symbol,
                    "trained_at": run.trained_at,
                    "superseded": run.superseded,
                    "path": str(folder),
                }
                for run, folder in zip(runs, folders, strict=True)
            ]
        )
    else:
        click.echo("\n".join(map(str, folders)))
