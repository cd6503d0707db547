"""Tables of the libraries that people use, written without importing one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from huracan_spool.producer.frames import write_csv, write_parquet

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
TEXT = "a,b\n1,x\n2,y\n"


class Batches:
    """Nothing but a stream of Arrow batches."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    @classmethod
    def of(cls, rows: list[dict[str, Any]]) -> Batches:
        return cls(pa.Table.from_pylist(rows))


class Pandas:
    """What a pandas frame does that counts here."""

    class Index:
        def __init__(self, *names: str | None) -> None:
            self.names = names

    def __init__(self, *names: str | None) -> None:
        self.index = self.Index(*names)
        self.written: list[tuple[Path, dict[str, Any]]] = []

    def __len__(self) -> int:
        return 2

    def to_csv(self, path: Path, **options: Any) -> None:
        self.written.append((path, options))

    def to_parquet(self, path: Path, **options: Any) -> None:
        self.written.append((path, options))


@pytest.mark.parametrize("make", [pl.DataFrame, pa.Table.from_pylist, Batches.of])
def test_frames_become_parquet_files(tmp_path: Path, make: Any) -> None:
    write_parquet(make(ROWS), tmp_path / "f")
    assert pq.read_table(tmp_path / "f").to_pylist() == ROWS


@pytest.mark.parametrize("make", [pl.DataFrame, pa.Table.from_pylist, list, pl.LazyFrame])
def test_frames_become_csv_files(tmp_path: Path, make: Any) -> None:
    write_csv(make(ROWS), tmp_path / "f")
    assert (tmp_path / "f").read_text() == TEXT


def test_a_lazy_frame_is_written_as_it_is_computed(tmp_path: Path) -> None:
    assert write_parquet(pl.LazyFrame(ROWS), tmp_path / "f") is None
    assert pq.read_table(tmp_path / "f").to_pylist() == ROWS


def test_arrow_data_is_written_by_pyarrow_where_polars_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "polars")
    write_parquet(pa.Table.from_pylist(ROWS), tmp_path / "p")
    write_csv(pa.Table.from_pylist(ROWS), tmp_path / "c")
    assert pq.read_table(tmp_path / "p").to_pylist() == ROWS
    assert (tmp_path / "c").read_text() == '"a","b"\n1,"x"\n2,"y"\n'
    assert "polars" not in sys.modules


def test_arrow_data_of_an_unknown_library_needs_one_that_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("polars", "pyarrow"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(TypeError, match="import polars or pyarrow"):
        write_parquet(Batches(pa.Table.from_pylist(ROWS)), tmp_path / "f")


def test_the_numbers_that_pandas_gives_to_rows_are_left_out(tmp_path: Path) -> None:
    frame = Pandas(None)
    assert write_csv(frame, tmp_path / "f") == 2
    assert frame.written == [(tmp_path / "f", {"index": False})]


def test_an_index_with_a_name_is_a_column(tmp_path: Path) -> None:
    frame = Pandas("entry_timestamp")
    write_csv(frame, tmp_path / "f")
    assert frame.written == [(tmp_path / "f", {"index": True})]


def test_pandas_frames_become_parquet_files(tmp_path: Path) -> None:
    frame = Pandas(None)
    assert write_parquet(frame, tmp_path / "f") == 2
    assert frame.written == [(tmp_path / "f", {})]


def test_rows_may_have_different_keys(tmp_path: Path) -> None:
    assert write_csv([{"a": 1}, {"a": 2, "b": None}, {"b": 'x,"y"'}], tmp_path / "f") == 3
    assert (tmp_path / "f").read_text() == 'a,b\n1,\n2,\n,"x,""y"""\n'


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_what_is_no_table_is_refused(tmp_path: Path, write: Any) -> None:
    with pytest.raises(TypeError, match="not int"):
        write(7, tmp_path / "f")
