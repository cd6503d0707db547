"""`verify`: is in the store what should be there?"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, load_settings
from huracan_spool.cli.reading import (
    day_of,
    local_option,
    opened_archive,
    print_json,
    since_option,
    symbol_folder,
    until_option,
)
from huracan_spool.words import of

if TYPE_CHECKING:
    from huracan_spool.receipt import Receipt


@click.command()
@click.argument("symbol", type=symbol_folder, required=False)
@click.argument("day", type=day_of, required=False)
@since_option
@until_option
@local_option
@config_option
@json_option
def verify(
    symbol: str | None,
    day: date | None,
    since: date | None,
    until: date | None,
    config: Path | None,
    *,
    local: bool,
    as_json: bool,
) -> None:
    """Compare the store with its records and with this host's receipts: one run, a symbol's, or all.

    Every file's content hash against the record of its run; files that are missing or that nobody's record names;
    runs that a receipt says were uploaded. In Dropbox the hashes are Dropbox's own, so only records are fetched,
    and each of them once; in the local archive every byte is read. Exits with 1 and a list when anything differs.
    """
    settings = load_settings(config)
    with opened_archive(config, local=local) as archive:
        found = archive.verify(symbol, day or since, day or until, receipts=_receipts(settings.spool.path))
    if as_json:
        rows = [{"path": each.path, "problem": each.problem, "detail": each.detail} for each in found.differences]
        print_json({"runs": found.runs, "files": found.files, "differences": rows})
    else:
        for each in found.differences:
            click.echo(f"{each.problem:10}  {each.path}  {each.detail}".rstrip())
        counts = ((found.runs, "run"), (found.files, "file"), (len(found.differences), "difference"))
        click.echo(", ".join(of(count, name, f"{name}s") for count, name in counts), err=True)
    raise SystemExit(stop.NOT_SO if found.differences else 0)


def _receipts(spool: Path) -> list[Receipt]:
    """Of this host, if it is one that has any and they may be read."""
    from huracan_spool.spool.receipts import receipts_below  # noqa: PLC0415 - with its caller

    try:
        return list(receipts_below(spool))
    except PermissionError:
        click.echo(f"the receipts in {spool} may not be read: they are left out", err=True)
        return []
