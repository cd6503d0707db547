"""Writing tables of any library that training has loaded, known by what they can do; nothing is imported for it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_parquet(frame: Any, path: Path) -> int | None:
    """Returns the number of rows, where that is known. Raises `TypeError` for what is no table."""
    if hasattr(frame, "write_parquet"):  # polars
        frame.write_parquet(path)
    elif hasattr(frame, "sink_parquet"):  # a lazy one
        frame.sink_parquet(path)
    elif hasattr(frame, "to_parquet"):  # pandas
        frame.to_parquet(path)
    elif hasattr(frame, "__arrow_c_stream__"):
        _write_arrow(frame, path, "parquet")
    else:
        raise TypeError(f"expected a data frame or a path, not {type(frame).__name__}")
    return _rows(frame)


def write_csv(frame: Any, path: Path) -> int | None:
    """As `write_parquet`; takes a list of mappings as well, one a row."""
    if hasattr(frame, "write_csv"):
        frame.write_csv(path)
    elif hasattr(frame, "sink_csv"):
        frame.sink_csv(path)
    elif hasattr(frame, "to_csv"):
        frame.to_csv(path, index=_has_named_index(frame))
    elif hasattr(frame, "__arrow_c_stream__"):
        _write_arrow(frame, path, "csv")
    elif isinstance(frame, Sequence) and all(isinstance(row, Mapping) for row in frame):
        _write_rows(frame, path)
    else:
        raise TypeError(f"expected a data frame, a list of mappings or a path, not {type(frame).__name__}")
    return _rows(frame)


def _rows(frame: Any) -> int | None:
    return len(frame) if hasattr(frame, "__len__") else None


def _has_named_index(frame: Any) -> bool:
    """The numbers that pandas gives to rows belong in no file; an index with a name is a column."""
    return any(name is not None for name in getattr(getattr(frame, "index", None), "names", ()))


def _write_arrow(frame: Any, path: Path, form: str) -> None:
    """A stream of Arrow batches: whoever made it has polars or pyarrow loaded, or can load it."""
    if (polars := sys.modules.get("polars")) is not None:
        table = polars.DataFrame(frame)
        (table.write_parquet if form == "parquet" else table.write_csv)(path)
    elif (pyarrow := sys.modules.get("pyarrow")) is not None:
        table = pyarrow.table(frame)
        writer = importlib.import_module(f"pyarrow.{form}")
        (writer.write_table if form == "parquet" else writer.write_csv)(table, path)
    else:
        raise TypeError(f"{type(frame).__name__} is a stream of Arrow data: import polars or pyarrow to write it")


def _write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    import csv  # noqa: PLC0415 - 1 ms of an import that is to be quick

    columns = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
