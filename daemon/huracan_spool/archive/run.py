"""One run of the archive, and its files as a person works with them."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from huracan_spool.archive.reader import StoredFile
from huracan_spool.archive.tree import StoredRun
from huracan_spool.archive.verifying import Difference
from huracan_spool.manifest import Kind

if TYPE_CHECKING:
    import polars as pl

_ENOUGH_ROWS = 10_000  # of a CSV, to tell a column's type by; the rest is read again if it does not fit


class Shelf(Protocol):
    """What a run needs of its archive."""

    def record_of(self, run: StoredRun) -> Mapping[str, Any]: ...

    def path_of(self, run: StoredRun, kind: Kind) -> Path: ...

    def download(self, run: StoredRun, folder: Path) -> Path: ...

    def verify_run(self, run: StoredRun) -> list[Difference]: ...


class Run:
    """Of a symbol, trained at one time. What it gives was proven by content hash against the run's record.

    `symbol` is as in `SOL-USDT`, `folder` as in the store, `kinds` what the run has.
    """

    def __init__(self, shelf: Shelf, stored: StoredRun) -> None:
        self._shelf = shelf
        self._stored = stored

    @property
    def symbol(self) -> str:
        return self._stored.symbol

    @property
    def date(self) -> date:
        return self._stored.date

    @property
    def trained_at(self) -> datetime:
        return self._stored.trained_at

    @property
    def superseded(self) -> bool:
        """Whether a later run of that day has taken its place."""
        return self._stored.superseded

    @property
    def folder(self) -> str:
        return self._stored.folder

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(kind for kind in Kind if kind in self._stored.files)

    @property
    def files(self) -> Mapping[Kind, StoredFile]:
        return self._stored.files

    @property
    def record(self) -> Mapping[str, Any]:
        """The store's `model_metadata.json`: who made the run, its hashes, what inspection found."""
        return self._shelf.record_of(self._stored)

    @property
    def metrics(self) -> dict[str, Any]:
        """As they were written; empty for a run without."""
        return self._document(Kind.METRICS)

    @property
    def features(self) -> dict[str, Any]:
        return self._document(Kind.FEATURES)

    def trades(self) -> pl.DataFrame | None:
        """None for a run without. Times in text become times. Raises `polars.exceptions.PolarsError`."""
        import polars as pl  # noqa: PLC0415 - 0.1 s, for those who want frames

        if Kind.TRADES not in self.kinds:
            return None
        path = self.path(Kind.TRADES)
        try:
            return pl.read_csv(path, try_parse_dates=True, infer_schema_length=_ENOUGH_ROWS)
        except pl.exceptions.NoDataError:
            return pl.DataFrame()
        except pl.exceptions.ComputeError:
            return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)

    def candles(self) -> pl.DataFrame | None:
        """None for a run without. Raises `polars.exceptions.PolarsError`."""
        import polars as pl  # noqa: PLC0415 - as above

        return pl.read_parquet(self.path(Kind.CANDLES)) if Kind.CANDLES in self.kinds else None

    def model_path(self) -> Path | None:
        """The model as a file to be read, not written; None for a run without.

        Nothing is loaded: a model is a program. `torch.load(path, weights_only=True)` runs none of it.
        """
        return self.path(Kind.MODEL) if Kind.MODEL in self.kinds else None

    def path(self, kind: Kind | str) -> Path:
        """An artifact as a file to be read, not written. Raises `LookupError` for a kind that the run lacks."""
        return self._shelf.path_of(self._stored, Kind(kind))

    def download(self, folder: Path | str) -> Path:
        """All files of the run into `folder`, laid out as in the store; returns the run's own folder there."""
        return self._shelf.download(self._stored, Path(folder))

    def verify(self) -> list[Difference]:
        """Where the store and the run's record differ; empty when all is well."""
        return self._shelf.verify_run(self._stored)

    def _document(self, kind: Kind) -> dict[str, Any]:
        if kind not in self.kinds:
            return {}
        document = json.loads(self.path(kind).read_bytes())
        return document if isinstance(document, dict) else {}

    def __repr__(self) -> str:
        state = ", superseded" if self.superseded else ""
        return f"<Run {self.symbol} {self.trained_at:%Y-%m-%d %H:%M:%S}Z{state}: {', '.join(self.kinds)}>"

    def _repr_html_(self) -> str:
        rows = [("trained", f"{self.trained_at:%Y-%m-%d %H:%M:%S} UTC"), ("folder", self.folder)]
        rows += [(kind, f"{file.size:,} bytes") for kind, file in self.files.items()]
        rows += [(name, f"{value}") for name, value in self.metrics.items() if not isinstance(value, list | dict)]
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in rows
        )
        mark = " (superseded)" if self.superseded else ""
        return f"<table><caption><b>{html.escape(self.symbol)}</b>{mark}</caption>{cells}</table>"
