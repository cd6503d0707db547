"""From metrics as they were written, one JSON document a run, to one table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

VERSION = "version"  # of the metrics; no metric's name, for those come with a dot before it if need be
_UPTO = "huracan.upto"
_INT64 = 2**63


def flat(document: Any, prefix: str = "") -> dict[str, Any]:
    """The values of a JSON object, those of objects in it under dotted names; lists as JSON text."""
    values: dict[str, Any] = {}
    for name, value in document.items() if isinstance(document, dict) else ():
        if isinstance(value, dict):
            values |= flat(value, f"{prefix}{name}.")
        else:
            told = json.dumps(value) if isinstance(value, list) else value
            values[_whole(prefix + name)] = _whole(told) if isinstance(told, str) else told
    return values


def _whole(text: str) -> str:
    """Half a surrogate pair, which JSON can escape and no table can hold, is a question mark."""
    return text.encode(errors="replace").decode()


def values_of(body: bytes) -> dict[str, Any]:
    """Those of a document; none for what is no JSON object, which only an upload without inspection can bring."""
    try:
        return flat(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def table(documents: Iterable[tuple[str, bytes]]) -> pl.DataFrame:
    """A row for each document, by its version."""
    rows = [(version, values_of(body)) for version, body in documents]
    names = sorted({name for _, values in rows for name in values})
    columns = {name: _column([values.get(name) for _, values in rows]) for name in names}
    versions = pl.Series(VERSION, [version for version, _ in rows], dtype=pl.String)
    return pl.DataFrame([versions, *(column.alias(f".{name}") for name, column in columns.items())])


def _column(values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pl.Series(values, dtype=pl.Boolean if kinds else pl.Null)
    if kinds == {int} and all(value is None or -_INT64 <= value < _INT64 for value in values):
        return pl.Series(values, dtype=pl.Int64)
    with suppress(OverflowError):  # a whole number that no float holds
        if kinds <= {int, float}:
            return pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
    return pl.Series([_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def joined(older: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """Both tables' rows. Where a metric's type differs, numbers become floats and anything else text."""
    schema = dict(older.schema)
    for name, kind in newer.schema.items():
        schema[name] = _common(schema.get(name, kind), kind)
    names = sorted(schema)
    both = [frame.cast({name: schema[name] for name in frame.columns}) for frame in (older, newer)]
    return pl.concat(both, how="diagonal").select(names)


def _common(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    if other in (one, pl.Null):
        return one
    if one == pl.Null:
        return other
    numbers = {pl.Int64(), pl.Float64()}
    return pl.Float64() if one in numbers and other in numbers else pl.String()


class MetricsTable:
    """The table of all metrics read so far, in a Parquet file, so that no document is parsed twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frame, self.upto = self._load()

    def add(self, documents: list[tuple[int, str, bytes]]) -> pl.DataFrame:
        """The table with these on top, which are numbered as they became known."""
        if documents:
            newer = table((version, body) for _, version, body in documents)
            self._frame = joined(self._frame, newer)
            self.upto = documents[-1][0]
            self._keep()
        return self._frame

    def _load(self) -> tuple[pl.DataFrame, int]:
        try:
            upto = int(pl.read_parquet_metadata(self._path)[_UPTO])
            return pl.read_parquet(self._path, memory_map=False), upto
        except (OSError, KeyError, ValueError, pl.exceptions.PolarsError):
            return table(()), 0

    def _keep(self) -> None:
        """For the next process; another one may be doing the same, and either table is right."""
        fresh = self._path.with_suffix(f".{id(self):x}.fresh")
        self._frame.write_parquet(fresh, metadata={_UPTO: str(self.upto)})
        fresh.rename(self._path)


def runs_frame(rows: list[tuple[Any, ...]], metrics: pl.DataFrame) -> pl.DataFrame:
    """The rows of `Index.runs`, in their order, each with the run's metrics.

    A metric that has the name of another column keeps a dot before it.
    """
    schema = {
        "symbol": pl.String,
        "date": pl.String,
        "trained_at": pl.Int64,
        "superseded": pl.Int64,
        "kinds": pl.String,
        "bytes": pl.Int64,
        "folder": pl.String,
        VERSION: pl.String,
    }
    runs = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("date").str.to_date("%Y-%m-%d"),
        pl.from_epoch("trained_at", time_unit="s").cast(pl.Datetime("us", "UTC")),
        pl.col("superseded").cast(pl.Boolean),
        pl.col("kinds").str.split(","),
    )
    own = {name for name in schema if name != VERSION}
    names = {name: name[1:] for name in metrics.columns if name != VERSION and name[1:] not in own}
    with_metrics = runs.join(metrics.rename(names), on=VERSION, how="left", maintain_order="left").drop(VERSION)
    return with_metrics.select(column for column in with_metrics if not _is_empty(column, own))


def _is_empty(column: pl.Series, own: set[str]) -> bool:
    """No run of these has the metric, though others of the archive have."""
    return column.name not in own and column.null_count() == len(column)
