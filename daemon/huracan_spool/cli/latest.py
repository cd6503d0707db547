"""`latest`: where the newest run of a symbol lies, or the run itself; for deployment scripts."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option
from huracan_spool.cli.reading import local_option, opened_archive, print_json, symbol_folder
from huracan_spool.settings.quantities import duration


def _age(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from None


@click.command()
@click.argument("symbol", type=symbol_folder)
@click.option(
    "--model-only", is_flag=True, help="Fetch the model of the newest run that has one, and print its path."
)
@click.option(
    "--to", type=click.Path(path_type=Path), help="Fetch into this folder; with --model-only, to this file."
)
@click.option("--max-age", type=_age, help="Exit with 1 when it was trained longer ago than this: 36h, 7d.")
@local_option
@config_option
@json_option
def latest(
    symbol: str,
    to: Path | None,
    max_age: float | None,
    config: Path | None,
    *,
    model_only: bool,
    local: bool,
    as_json: bool,
) -> None:
    """Print where the newest run of SYMBOL lies in the store, or fetch it and print where it is now.

    Exits with 1 when there is none, or when it is too old; then nothing is printed on stdout.
    """
    with opened_archive(config, local=local) as archive:
        run = archive.latest(symbol, kind="model" if model_only else None)
        age = datetime.now(UTC) - run.trained_at
        if max_age is not None and age > timedelta(seconds=max_age):
            raise stop.Stop(f"the newest run of {symbol} was trained at {run.trained_at:%Y-%m-%dT%H:%M:%SZ}", 1)
        path = str(run.folder)
        if model_only:
            model = run.path("model")
            path = str(_copied(model, to) if to else model)
        elif to is not None:
            path = str(run.download(to))
        if as_json:
            print_json({"symbol": run.symbol, "trained_at": run.trained_at, "kinds": run.kinds, "path": path})
        else:
            click.echo(path)


def _copied(model: Path, target: Path) -> Path:
    """In one step: whoever serves the model never sees half of it."""
    target = target / "model.bin" if target.is_dir() else target
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.fresh")
    shutil.copyfile(model, fresh)
    fresh.rename(target)
    return target
