"""What the commands that read the archive share: opening it, and ending well when that can't be."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import load_settings, log_to_stderr

if TYPE_CHECKING:
    from huracan_spool.archive.archive import Archive

local_option = click.option("--local", is_flag=True, help="Read the local archive, though Dropbox is configured.")


def symbol_folder(text: str) -> str:
    from huracan_spool.manifest import parse_symbol  # noqa: PLC0415 - for the commands that take one

    try:
        return parse_symbol(text).folder
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from None


def day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date such as 2025-11-12") from None


since_option = click.option("--since", type=day_of, help="Only runs trained on this date (UTC) or later.")
until_option = click.option("--until", type=day_of, help="Only runs trained on this date (UTC) or earlier.")


@contextmanager
def opened_archive(config: Path | None, *, local: bool) -> Iterator[Archive]:
    """With progress on stderr. What it raises ends the command, with what to do about it."""
    from huracan_spool.stores.dropbox.sdk_types import load_types_only  # noqa: PLC0415 - the SDK takes long to load

    load_types_only()
    from huracan_spool.archive.archive import Archive, Offline  # noqa: PLC0415
    from huracan_spool.archive.opening import opened  # noqa: PLC0415
    from huracan_spool.archive.progress import Told  # noqa: PLC0415
    from huracan_spool.archive.reader import Damaged  # noqa: PLC0415
    from huracan_spool.errors import NeedsPerson, StoreError  # noqa: PLC0415

    settings = load_settings(config, secrets_needed=not local)
    log_to_stderr(settings)
    try:
        opening = opened(Archive, settings, local=local, cache=None, progress=Told())
        with warnings.catch_warnings(), opening as archive:
            warnings.simplefilter("always", Offline)
            warnings.showwarning = _show
            yield archive
    except LookupError as error:
        raise stop.Stop(str(error.args[0] if error.args else error), stop.NOT_SO) from None
    except Damaged as error:
        raise stop.Stop(str(error), stop.NOT_SO) from None
    except NeedsPerson as error:
        raise stop.Stop(f"{error}\n{error.hint or 'huracan-spool auth status'}", stop.NOPERM) from None
    except StoreError as error:
        raise stop.Stop("\n".join(filter(None, (str(error), error.hint))), stop.UNAVAILABLE) from None
    except PermissionError as error:
        raise stop.Stop(f"{error.filename}: may not be used by this user", stop.NOPERM) from None
    except OSError as error:
        raise stop.Stop(f"{error.filename or 'this host'}: {error.strerror}", stop.TEMPFAIL) from None


def _show(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001 - as `warnings` calls it
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    click.echo(f"offline: {message}", err=True)


def plain(value: Any) -> Any:
    """For JSON and for tables."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return value.isoformat() if isinstance(value, date) else value


def print_json(document: Any) -> None:
    json.dump(document, sys.stdout, indent=2, default=plain)
    sys.stdout.write("\n")


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Aligned: numbers to the right, all else to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(names)]
    right = [
        all(isinstance(row[at], int | float | None) for row in rows) and bool(rows) for at in range(len(names))
    ]
    for line in (list(names), *cells):
        padded = (
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(plain(value)).replace("\n", " ")
