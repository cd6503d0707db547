"""`runs`: the runs of the archive with their metrics; with `--watch`, also those to come."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from huracan_spool.cli.common import config_option, json_option
from huracan_spool.cli.reading import (
    local_option,
    opened_archive,
    plain,
    print_json,
    print_table,
    since_option,
    symbol_folder,
    until_option,
)

if TYPE_CHECKING:
    import polars as pl

    from huracan_spool.archive.archive import Archive

_SHOWN = ("total_trades", "win_rate", "sharpe_ratio", "total_profit_gbp")
_EVERY = 5.0


@click.command()
@click.argument("symbol", type=symbol_folder, required=False)
@since_option
@until_option
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Show this metric; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Show every metric.")
@click.option("--latest-only", is_flag=True, help="Leave superseded runs out.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with every metric.")
@click.option("--watch", is_flag=True, help="Go on, with a line for each run that comes.")
@local_option
@config_option
@json_option
def runs(
    symbol: str | None,
    since: date | None,
    until: date | None,
    metrics: tuple[str, ...],
    config: Path | None,
    *,
    everything: bool,
    latest_only: bool,
    as_csv: bool,
    watch: bool,
    local: bool,
    as_json: bool,
) -> None:
    """List the runs of the archive with their metrics, by symbol and time of training.

    The first call on a large archive takes long, shows how far it is, and goes on where it was when it is
    interrupted. Later calls ask only what has changed.
    """
    with opened_archive(config, local=local) as archive:
        frame = _chosen(archive, symbol, since, until, latest_only=latest_only)
        if as_json and not watch:
            print_json(frame.to_dicts())
        elif as_csv:
            click.echo(_csv(frame), nl=False)
        else:
            names = _names(frame, metrics, everything=everything)
            _print(frame, names, as_json=as_json)
            while watch:
                time.sleep(_EVERY)
                newer = _chosen(archive, symbol, since, until, latest_only=latest_only)
                seen, frame = set(frame["folder"]), newer
                _print_new(newer, seen, names, as_json=as_json)


def _chosen(
    archive: Archive, symbol: str | None, since: date | None, until: date | None, *, latest_only: bool
) -> pl.DataFrame:
    frame = archive.runs(symbol, since, until)
    return frame.filter(~frame["superseded"]) if latest_only else frame


def _names(frame: pl.DataFrame, metrics: tuple[str, ...], *, everything: bool) -> list[str]:
    own = ["symbol", "date", "trained_at", "superseded"]
    unknown = [name for name in metrics if name not in frame.columns]
    if unknown and len(frame):
        raise click.UsageError(f"no run has a metric {', '.join(unknown)}; --all shows what there is")
    if everything:
        return own + [name for name in frame.columns if name not in {*own, "folder", "kinds"}]
    return own + list(metrics or (name for name in _SHOWN if name in frame.columns))


def _print(frame: pl.DataFrame, names: list[str], *, as_json: bool) -> None:
    if as_json:
        _print_new(frame, set(), names, as_json=True)
    elif len(frame):
        print_table(names, frame.select(name for name in names if name in frame.columns).rows())
    else:
        click.echo("no runs", err=True)


def _print_new(frame: pl.DataFrame, seen: set[str], names: list[str], *, as_json: bool) -> None:
    """A line for each run that was not there: JSON, or the values in the order of the table."""
    import json  # noqa: PLC0415 - with its caller

    for row in frame.iter_rows(named=True):
        if row["folder"] not in seen:
            click.echo(json.dumps(row, default=plain) if as_json else _line(row, names))


def _line(row: dict[str, Any], names: list[str]) -> str:
    return "  ".join(f"{plain(row[name])}" for name in names if row.get(name) is not None)


def _csv(frame: pl.DataFrame) -> str:
    import polars as pl  # noqa: PLC0415 - 0.1 s

    return frame.with_columns(pl.col("kinds").list.join(" ")).write_csv()
