"""From metrics as they were written, one JSON document a run, to one table."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from huracan_spool.archive.index import Choice, Index

VERSION = "#version"  # of the metrics
_STAMP = "huracan.stamp"
_INT64 = 2**63
_AT_ONCE = 10_000  # documents, some 50 MB while they are parsed
_RUNS = {
    "symbol": pl.String,
    "date": pl.String,
    "trained_at": pl.Int64,
    "superseded": pl.Int64,
    "kinds": pl.String,
    "bytes": pl.Int64,
    "folder": pl.String,
    VERSION: pl.String,
}
# What a run is, in the order of the columns; every other one is a metric.
IDENTITY = tuple(name for name in _RUNS if name != VERSION)


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


class KeptFrame:
    """A table beside the index, with a stamp that tells what it was made of."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[pl.DataFrame, str] | None:
        """None when there is none that can be read."""
        try:
            stamp = pl.read_parquet_metadata(self._path)[_STAMP]
            return pl.read_parquet(self._path, memory_map=False), stamp
        except (OSError, KeyError, pl.exceptions.PolarsError):
            return None

    def keep(self, frame: pl.DataFrame, stamp: str) -> None:
        """For the next process; another one may be doing the same, and either table is right."""
        fresh = self._path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.fresh")
        frame.write_parquet(fresh, metadata={_STAMP: stamp})
        fresh.rename(self._path)


def metrics_frame(kept: KeptFrame, index: Index) -> pl.DataFrame:
    """All metrics read so far, by their version; none is parsed twice."""
    loaded = kept.load()
    frame, upto = table(()), 0
    if loaded is not None:
        born, _, number = loaded[1].partition(" ")
        frame, upto = (loaded[0], int(number)) if born == index.born else (frame, upto)
    while documents := index.metrics_since(upto, _AT_ONCE):
        frame = joined(frame, table((version, body) for _, version, body in documents))
        upto = documents[-1][0]
        kept.keep(frame, f"{index.born} {upto}")
    return frame


def runs_frame(kept: KeptFrame, index: Index) -> pl.DataFrame:
    """All runs, in the order of `Index.runs`, each with the version of its metrics."""
    stamp = f"{index.born} {index.generation}"
    loaded = kept.load()
    if loaded is not None and loaded[1] == stamp:
        return loaded[0]
    runs = pl.DataFrame(index.runs(Choice()), schema=_RUNS, orient="row").with_columns(
        pl.col("date").str.to_date("%Y-%m-%d"),
        pl.from_epoch("trained_at", time_unit="s").cast(pl.Datetime("us", "UTC")),
        pl.col("superseded").cast(pl.Boolean),
        pl.col("kinds").str.split(","),
    )
    kept.keep(runs, stamp)
    return runs


def chosen(runs: pl.DataFrame, choice: Choice) -> pl.DataFrame:
    wanted = pl.lit(value=True)
    if choice.symbol is not None:
        wanted &= pl.col("symbol") == choice.symbol
    if choice.since is not None:
        wanted &= pl.col("date") >= choice.since
    if choice.until is not None:
        wanted &= pl.col("date") <= choice.until
    return runs.filter(wanted)


def with_metrics(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """A metric with the name of another column keeps a dot before it. One that none of these runs has is out."""
    names = {name: name[1:] for name in metrics.columns if name[1:] not in _RUNS and name != VERSION}
    both = runs.join(metrics.rename(names), on=VERSION, how="left", maintain_order="left").drop(VERSION)
    return both.select(column for column in both if column.name in IDENTITY or column.null_count() < len(column))
