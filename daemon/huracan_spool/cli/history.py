"""`history`: what was settled on this host, as the receipts tell it."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Self

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, load_settings
from huracan_spool.cli.reading import day_of, symbol_folder
from huracan_spool.manifest import Symbol, parse_trained_at
from huracan_spool.receipt import Receipt
from huracan_spool.spool import protocol
from huracan_spool.spool.receipts import receipts_below
from huracan_spool.words import duration, size

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # a reason may quote what a producer wrote


@dataclass(frozen=True, slots=True)
class SettledRun:
    """`bytes` are those of its artifacts in the store; `seconds` went by since it was queued."""

    settled_at: str
    run: str
    symbol: str | None
    trained_at: str | None
    status: str
    superseded: bool
    bytes: int
    bytes_sent: int
    attempts: int
    seconds: float | None
    code: str | None
    reason: str | None

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Raises `ValueError` and `TypeError` for times that are none."""
        settled = parse_trained_at(receipt.settled_at)
        queued = parse_trained_at(receipt.queued_at) if receipt.queued_at else None
        return cls(
            settled_at=receipt.settled_at,
            run=receipt.run,
            symbol=str(receipt.symbol) if receipt.symbol else None,
            trained_at=receipt.trained_at,
            status=receipt.status,
            superseded=receipt.superseded,
            bytes=sum(artifact.size for artifact in receipt.artifacts.values()),
            bytes_sent=receipt.bytes_sent,
            attempts=receipt.attempts,
            seconds=max(0.0, (settled - queued).total_seconds()) if queued else None,
            code=receipt.code,
            reason=receipt.reason,
        )


@click.command()
@click.option("--symbol", type=symbol_folder, help="Only runs of this symbol, such as SOL/USDT.")
@click.option("--since", type=day_of, help="Only runs settled on this date (UTC) or later.")
@click.option("--failed", is_flag=True, help="Only runs that failed.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="So many at most.")
@config_option
@json_option
def history(
    symbol: str | None, since: date | None, limit: int, config: Path | None, *, failed: bool, as_json: bool
) -> None:
    """List the runs that were uploaded or failed on this host, newest first.

    It is read from the receipts, which stay for `spool.receipts_keep` (7 days); a run that was submitted again
    under the same name is listed as it was settled last. Exits with 77 when they may not be read.
    """
    spool = load_settings(config).spool.path
    try:
        chosen = (each for each in _settled(spool) if _is_wanted(each, symbol, since, failed=failed))
        runs = heapq.nlargest(limit, chosen, key=lambda run: (run.settled_at, run.run))
    except PermissionError:
        raise stop.Stop(
            f"{spool / protocol.RECEIPTS} may not be read: try it as root, or join the group huracan", stop.NOPERM
        ) from None
    if as_json:
        click.echo(json.dumps([asdict(run) for run in runs], indent=2))
    elif runs:
        _table(runs)
    else:
        click.echo("no such runs were settled on this host lately")


def _settled(spool: Path) -> Iterator[SettledRun]:
    """Raises `PermissionError`, and other `OSError`; what is no receipt is passed over."""
    for receipt in receipts_below(spool):
        with suppress(ValueError, TypeError):
            yield SettledRun.of(receipt)


def _is_wanted(run: SettledRun, symbol: str | None, since: date | None, *, failed: bool) -> bool:
    if failed and run.code is None:
        return False
    if since is not None and run.settled_at < since.isoformat():
        return False
    return symbol is None or (run.symbol is not None and Symbol(run.symbol).folder == symbol)


def _table(runs: Sequence[SettledRun]) -> None:
    symbols = max(len(run.symbol or "-") for run in runs)
    names = max(len(run.run) for run in runs)
    for run in runs:
        took = "-" if run.seconds is None else duration(run.seconds)
        end = f"{run.code}: {run.reason}" if run.code else "superseded" if run.superseded else ""
        line = (
            f"{run.settled_at}  {run.status:8}  {run.symbol or '-':{symbols}}  {run.run:{names}}  "
            f"{size(run.bytes):>8}  {took:>9}  {end}"
        )
        click.echo(_CONTROLS.sub(" ", line.rstrip()))
