"""`compare`: the metrics of several runs side by side."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from huracan_spool.cli import stop
from huracan_spool.cli.asked_run import day_or_time
from huracan_spool.cli.common import config_option, json_option
from huracan_spool.cli.reading import (
    local_option,
    opened_archive,
    plain,
    print_json,
    since_option,
    symbol_folder,
    until_option,
)
from huracan_spool.cli.side_by_side import side_by_side
from huracan_spool.inspection.report import told

if TYPE_CHECKING:
    import polars as pl

_USUAL_RUNS = 2


@click.command()
@click.argument("symbol", type=symbol_folder)
@click.argument("dates", nargs=-1, type=day_or_time, metavar="[DATE]...")
@since_option
@until_option
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@click.option("--differences", is_flag=True, help="Only metrics that are not the same in all runs.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@local_option
@config_option
def compare(
    symbol: str,
    dates: Sequence[date | datetime],
    since: date | None,
    until: date | None,
    metrics: Sequence[str],
    config: Path | None,
    *,
    differences: bool,
    as_json: bool,
    as_csv: bool,
    local: bool,
) -> None:
    """Compare runs of SYMBOL with the first of them.

    A DATE stands for the latest run of that day; name a superseded run by its time, as in 2025-11-12T09:15:00Z.
    Without any, the latest runs of the days --since and --until are compared, and without those the last two days'.

    CSV holds the metrics that are numbers.

    Exits with 1 when there is no run of a DATE, or no such metric.
    """
    if as_json and as_csv:
        raise click.UsageError("either --json or --csv")
    if dates and (since or until):
        raise click.UsageError("either dates, or --since and --until")
    with opened_archive(config, local=local) as archive:
        runs = archive.runs(symbol, since, until)
        runs = _chosen(runs, symbol, dates, all_of_them=bool(since or until))
    found = _compared(runs, metrics, only_differing=differences)
    if as_json:
        print_json(found.to_json(symbol))
    elif as_csv:
        click.echo(found.numbers.write_csv(), nl=False)
    else:
        _print(found)


@dataclass(frozen=True, slots=True)
class _Compared:
    """`names` are the runs' columns in the tables of `comparing`."""

    runs: pl.DataFrame
    names: Sequence[str]
    numbers: pl.DataFrame
    texts: pl.DataFrame

    def to_json(self, symbol: str) -> dict[str, Any]:
        """Null where a run has no such metric, or JSON has no such number."""
        from huracan_spool.archive.comparing import DIFFERENCE, PERCENT  # noqa: PLC0415 - polars takes 0.1 s

        numbers = [
            {
                "metric": row["metric"],
                "values": [_finite(row[name]) for name in self.names],
                "differences": [_finite(row.get(name + DIFFERENCE)) for name in self.names],
                "percents": [_finite(row.get(name + PERCENT)) for name in self.names],
            }
            for row in self.numbers.iter_rows(named=True)
        ]
        texts = [
            {"metric": row["metric"], "values": [row[name] for name in self.names]}
            for row in self.texts.iter_rows(named=True)
        ]
        return {"symbol": symbol, "runs": list(self._runs_to_json()), "metrics": numbers, "texts": texts}

    def _runs_to_json(self) -> Iterator[dict[str, Any]]:
        for name, row in zip(self.names, self.runs.iter_rows(named=True), strict=True):
            yield {"name": name} | {key: plain(row[key]) for key in ("date", "trained_at", "superseded")}


def _chosen(
    runs: pl.DataFrame, symbol: str, dates: Sequence[date | datetime], *, all_of_them: bool
) -> pl.DataFrame:
    from huracan_spool.archive.choosing import choose  # noqa: PLC0415 - as above

    if dates:
        return runs[[choose(runs, symbol, each) for each in dates]]
    latest = runs.filter(~runs["superseded"])
    if latest.is_empty():
        raise stop.Stop(f"there is no run of {symbol} in the archive", stop.NOT_SO)
    return latest if all_of_them else latest.tail(_USUAL_RUNS)


def _compared(runs: pl.DataFrame, metrics: Sequence[str], *, only_differing: bool) -> _Compared:
    from huracan_spool.archive import comparing  # noqa: PLC0415 - as above

    known = {*comparing.metric_names(runs), *comparing.text_names(runs)}
    if unknown := [name for name in metrics if name not in known]:
        raise stop.Stop(f"none of these runs has a metric {', '.join(unknown)!a}", stop.NOT_SO)
    names = comparing.run_names(runs)
    numbers, texts = comparing.wide(runs), comparing.texts(runs)
    if metrics:
        numbers, texts = (table.filter(table["metric"].is_in(list(metrics))) for table in (numbers, texts))
    if only_differing:
        numbers, texts = (comparing.differing(table, names) for table in (numbers, texts))
    return _Compared(runs, names, numbers, texts)


def _print(found: _Compared) -> None:
    if found.numbers.is_empty() and found.texts.is_empty():
        click.echo("no metrics" if len(found.names) < 2 else "no differences")
        return
    heads = ["metric", found.names[0]]
    for name in found.names[1:]:
        heads += [name, "difference"]
    click.echo(side_by_side([heads, *_number_rows(found), *_text_rows(found)], _room()))


def _number_rows(found: _Compared) -> Iterator[list[str]]:
    from huracan_spool.archive.comparing import DIFFERENCE, PERCENT  # noqa: PLC0415 - as above

    for row in found.numbers.iter_rows(named=True):
        cells = [told(row["metric"]), _told(row[found.names[0]])]
        for name in found.names[1:]:
            cells += [_told(row[name]), _change(row[name + DIFFERENCE], row[name + PERCENT])]
        yield cells


def _text_rows(found: _Compared) -> Iterator[list[str]]:
    for row in found.texts.iter_rows(named=True):
        first, *others = ("" if row[name] is None else told(row[name]) for name in found.names)
        yield [told(row["metric"]), first, *(cell for other in others for cell in (other, ""))]


def _change(difference: float | None, percent: float | None) -> str:
    if difference is None:
        return ""
    return f"{difference:+.6g}" + ("" if percent is None else f" ({percent:+.1f} %)")


def _told(value: float | None) -> str:
    """A count in full, other numbers with six digits that count."""
    if value is None:
        return ""
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _room() -> int:
    """Columns of the terminal; a file or a pipe takes any width."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
