"""`schema`: what a manifest must look like, for other programs."""

from __future__ import annotations

import json

import click

from huracan_spool.manifest_schema import manifest_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of a run's manifest.

    It is made from the code that reads manifests. What a schema can't say (file names of at most 255 bytes, no
    name twice, metadata of at most 64 KiB) the daemon checks as well.
    """
    click.echo(json.dumps(manifest_schema(), indent=2))
