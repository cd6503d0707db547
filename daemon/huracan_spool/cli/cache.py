"""`cache`: what the archive's commands have fetched and keep."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from huracan_spool.cli.common import json_option
from huracan_spool.cli.reading import print_json
from huracan_spool.settings.quantities import size

if TYPE_CHECKING:
    from huracan_spool.archive.cache import ContentCache


@click.group()
def cache() -> None:
    """See what has been fetched, and make room. Everything in the cache can be fetched again."""


@cache.command()
@json_option
def info(*, as_json: bool) -> None:
    """Where the cache is and how large."""
    known = _cache().info()
    if as_json:
        print_json(
            {
                "path": str(known.path),
                "files": known.files,
                "bytes": known.bytes,
                "unfinished_bytes": known.unfinished_bytes,
                "index_bytes": known.index_bytes,
            }
        )
        return
    click.echo(f"path        {known.path}")
    click.echo(f"content     {known.bytes:,} bytes in {known.files:,} files")
    click.echo(f"unfinished  {known.unfinished_bytes:,} bytes")
    click.echo(f"index       {known.index_bytes:,} bytes")


@cache.command()
@click.option("--to", "most", metavar="SIZE", help="Leave this much: what was used last [default: nothing].")
@json_option
def prune(most: str | None, *, as_json: bool) -> None:
    """Remove content that was not used for the longest time. The index stays."""
    try:
        left = size(most) if most else 0
    except ValueError as error:
        raise click.UsageError(f"--to {most}: {error}") from None
    pruned = _cache().prune(most_bytes=left, now=time.time())
    if as_json:
        print_json({"files": pruned.files, "bytes": pruned.bytes})
    else:
        click.echo(f"{pruned.files:,} files with {pruned.bytes:,} bytes removed")


def _cache() -> ContentCache:
    from huracan_spool.archive.cache import ContentCache, default_cache  # noqa: PLC0415 - for these two

    return ContentCache(default_cache())
