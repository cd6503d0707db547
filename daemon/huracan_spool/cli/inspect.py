"""`inspect`: what the daemon would say about files, before they are submitted."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import json_option
from huracan_spool.inspection.forks import Forks
from huracan_spool.inspection.parent import InspectionLimits, inspect
from huracan_spool.inspection.report import Report
from huracan_spool.manifest import Kind

_SECONDS, _SECONDS_PER_GIB = 60.0, 10.0  # as the daemon does unless it is told otherwise
_GIB = 1024**3
_BY_SUFFIX = {
    ".pt": Kind.MODEL,
    ".pth": Kind.MODEL,
    ".bin": Kind.MODEL,
    ".safetensors": Kind.MODEL,
    ".parquet": Kind.CANDLES,
    ".csv": Kind.TRADES,
}


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", type=click.Choice([str(kind) for kind in Kind]), help="What a single file is.")
@json_option
def inspect_files(files: tuple[Path, ...], kind: str | None, *, as_json: bool) -> None:
    """Look at the FILES of one run as the daemon does before it uploads them.

    The kind of a file is told from its name: a model ends in .pt, .pth, .bin or .safetensors, candles in .parquet,
    trades in .csv; JSON with "features" in its name is features, other JSON metrics.

    Exits with 1 when a file is broken or could not be inspected; what is merely odd is shown.
    """
    report = asyncio.run(_inspect(_by_kind(files, kind)))
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2))
    else:
        _print(report)
    raise SystemExit(stop.NOT_SO if report.failed or report.broken else 0)


def _by_kind(files: tuple[Path, ...], kind: str | None) -> dict[Kind, Path]:
    if kind is not None:
        if len(files) != 1:
            raise click.UsageError("--kind goes with a single file")
        return {Kind(kind): files[0]}
    found: dict[Kind, Path] = {}
    for path in files:
        told = _kind_of(path)
        if told in found:
            raise click.UsageError(f"{found[told]} and {path} both look like {told}: inspect the files of one run")
        found[told] = path
    return found


def _kind_of(path: Path) -> Kind:
    if path.suffix == ".json":
        return Kind.FEATURES if "features" in path.name else Kind.METRICS
    if path.suffix not in _BY_SUFFIX:
        raise click.UsageError(f"{path}: what is it? Say so with --kind")
    return _BY_SUFFIX[path.suffix]


async def _inspect(paths: Mapping[Kind, Path]) -> Report:
    with _opened(paths) as files:
        sizes = {kind: os.fstat(fd).st_size for kind, fd in files.items()}
        seconds = _SECONDS + _SECONDS_PER_GIB * sum(sizes.values()) / _GIB
        async with Forks() as forks:
            return await inspect(forks, files, sizes, InspectionLimits(seconds))


@contextmanager
def _opened(paths: Mapping[Kind, Path]) -> Iterator[dict[Kind, int]]:
    with ExitStack() as stack:
        try:
            yield {kind: stack.enter_context(path.open("rb")).fileno() for kind, path in paths.items()}
        except PermissionError as error:
            raise stop.Stop(f"{error.filename} may not be read", stop.NOPERM) from None


def _print(report: Report) -> None:
    for kind, facts in report.facts.items():
        click.echo(f"{kind:<9} {_line(facts)}")
        for finding in report.findings:
            if finding.kind is kind:
                where = f" ({finding.where})" if finding.where else ""
                click.echo(f"  {finding.severity:<7} {finding.code:<22} {finding.message}{where}")
    if report.failed:
        click.echo(f"failed    {report.failed}")
    else:
        click.echo(f"{len(report.broken)} broken, {len(report.odd)} odd")


def _line(facts: Mapping[str, Any]) -> str:
    return "  ".join(f"{name}={_short(value)}" for name, value in facts.items()) or "-"


def _short(value: Any) -> str:
    """Lists and mappings by their length: `--json` has them in full."""
    return str(len(value)) if isinstance(value, list | dict) else str(value)
