"""Runs side by side: pure functions of the frame that `Archive.runs` gives.

Numbers never share a table with what is none: texts, true and false. A metric that a run does not have is null.
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from huracan_spool.archive.frame import IDENTITY

DIFFERENCE, PERCENT = " difference", " percent"


def metric_names(runs: pl.DataFrame) -> list[str]:
    """The metrics that are numbers."""
    return [name for name in runs.columns if name not in IDENTITY and runs.schema[name].is_numeric()]


def text_names(runs: pl.DataFrame) -> list[str]:
    """The metrics that are texts, or true and false."""
    kinds = (pl.String, pl.Boolean, pl.Categorical, pl.Enum)
    return [name for name in runs.columns if name not in IDENTITY and runs.schema[name].base_type() in kinds]


def long(runs: pl.DataFrame) -> pl.DataFrame:
    """One row a value: `symbol`, `date`, `trained_at`, `metric`, `value`; what a run does not have is left out."""
    names = metric_names(runs)
    keys = runs.select(IDENTITY[:3])
    # By number and not by name: polars takes a metric that is called `*` or `^a$` for more than one column.
    numbers = keys.with_columns(
        runs.get_column(name).cast(pl.Float64).alias(str(place)) for place, name in enumerate(names)
    )
    values = numbers.unpivot(index=keys.columns, variable_name="place", value_name="value").drop_nulls("value")
    metric = pl.Series("metric", [names[int(place)] for place in values["place"]], pl.String)
    return values.select(*keys.columns, metric, "value")


def wide(runs: pl.DataFrame) -> pl.DataFrame:
    """One row a metric, one column a run in the order of `runs`, named by `run_names`.

    Each run but the first also has `<run> difference`, value minus the first run's, and `<run> percent`, that
    difference in percent of the first one's size: null where either is missing or no finite number, or the first
    is zero.
    """
    runs_names = run_names(runs)
    table = _turned(runs, metric_names(runs), pl.Float64())
    if not runs_names:
        return table
    first, *others = runs_names
    base = pl.col(first)
    columns: list[pl.Expr] = [pl.col("metric"), base]
    for name in others:
        change = pl.col(name) - base
        finite = pl.when(change.is_finite()).then(change)
        percent = pl.when(base != 0).then(finite / base.abs() * 100)
        columns += [pl.col(name), finite.alias(name + DIFFERENCE), percent.alias(name + PERCENT)]
    return table.select(columns)


def texts(runs: pl.DataFrame) -> pl.DataFrame:
    """As `wide`, of the metrics that are no numbers, and without differences."""
    return _turned(runs, text_names(runs), pl.String())


def differing(table: pl.DataFrame, runs: list[str]) -> pl.DataFrame:
    """The rows of `wide` or `texts` whose value is not the same in all `runs`; missing is a value of its own."""
    if len(runs) < 2:
        return table.clear()
    return table.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(runs[0])) for name in runs[1:]))


def run_names(runs: pl.DataFrame) -> list[str]:
    """What a run is called in a table: its date, its time as well where a day has several, its symbol as well.

    Two runs of one symbol and second are told apart by a number.
    """
    symbols = runs["symbol"].to_list()
    prefixes = [f"{symbol} " if len(set(symbols)) > 1 else "" for symbol in symbols]
    days = [f"{prefix}{day.isoformat()}" for prefix, day in zip(prefixes, runs["date"], strict=True)]
    times = [
        f"{prefix}{moment:%Y-%m-%d %H:%M:%S}" for prefix, moment in zip(prefixes, runs["trained_at"], strict=True)
    ]
    often = Counter(days)
    names = [time if often[day] > 1 else day for day, time in zip(days, times, strict=True)]
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        seen[name] += 1
        names[place] = name if seen[name] == 1 else f"{name} #{seen[name]}"
    return names


def _turned(runs: pl.DataFrame, metrics: list[str], kind: pl.DataType) -> pl.DataFrame:
    """Metrics as rows, runs as columns, every value of one type."""
    rows = [runs[metric].cast(kind).to_list() for metric in metrics]
    schema: dict[str, pl.DataType] = {"metric": pl.String(), **dict.fromkeys(run_names(runs), kind)}
    return pl.DataFrame([[metric, *row] for metric, row in zip(metrics, rows, strict=True)], schema, orient="row")
