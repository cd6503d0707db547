"""`report`: one symbol's runs as an HTML file, and as pictures."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huracan_spool.cli import stop
from huracan_spool.cli.asked_run import day_or_time
from huracan_spool.cli.common import config_option
from huracan_spool.cli.reading import local_option, opened_archive, since_option, symbol_folder, until_option

if TYPE_CHECKING:
    from huracan_spool.archive.report.story import Story

_NEEDED = ("altair", "vl_convert")


@click.command()
@click.argument("symbol", type=symbol_folder)
@click.option(
    "--run", "chosen", type=day_or_time, metavar="DATE", help="The run to show in full [default: the latest]."
)
@since_option
@until_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="Where to write it [default: SYMBOL_DATE.html].",
)
@click.option(
    "--png",
    type=click.Path(path_type=Path),
    metavar="FILE.png|DIR",
    help="Pictures as well: all in one file, or each chart in a folder.",
)
@local_option
@config_option
def report(
    symbol: str,
    chosen: date | datetime | None,
    since: date | None,
    until: date | None,
    output: Path | None,
    png: Path | None,
    config: Path | None,
    *,
    local: bool,
) -> None:
    """Write a report on SYMBOL: its metrics over dates, and one run in full.

    One HTML file, which needs no network, no script to be read, and can be printed. A DATE stands for the latest
    run of that day; name a superseded run by its time, as in 2025-11-12T09:15:00Z.

    Exits with 1 when there is no such run.
    """
    _require_libraries()
    from huracan_spool.archive.report.gathering import gather  # noqa: PLC0415 - polars and altair take a second
    from huracan_spool.archive.report.story import tell  # noqa: PLC0415

    with opened_archive(config, local=local) as archive:
        material = gather(archive, symbol, chosen, since, until)
    story = tell(material)
    path = output or Path(f"{symbol}_{story.material.trained_at:%Y-%m-%d}.html")
    with _written():
        _write(story, path, png)


def _require_libraries() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise stop.Stop(
            f"a report needs {' and '.join(missing)}, which not every host has: "
            "pip install 'huracan-spool[report]'",
            stop.CONFIG,
        )


def _write(story: Story, path: Path, png: Path | None) -> None:
    from huracan_spool.archive.report.page import page  # noqa: PLC0415
    from huracan_spool.archive.report.picture import overview, write_each  # noqa: PLC0415

    path.write_text(page(story), encoding="utf-8")
    click.echo(path)
    if png is None:
        return
    if png.suffix.lower() == ".png":
        png.write_bytes(overview(story))
        click.echo(png)
    else:
        for each in write_each(story, png):
            click.echo(each)


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise stop.Stop(f"{error.filename} may not be written", stop.NOPERM) from None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}") from None
    except OSError as error:
        raise stop.Stop(f"{error.filename}: {error.strerror}", stop.TEMPFAIL) from None
