"""What analysts hold in their hands: the runs of a store, as tables and as files."""

from __future__ import annotations

import asyncio
import hashlib
import html
import json
import os
import warnings
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from huracan_spool.archive.bringing import Bringing
from huracan_spool.archive.cache import ContentCache
from huracan_spool.archive.catching_up import catch_up, read_metrics
from huracan_spool.archive.index import Choice, Index
from huracan_spool.archive.loop import Loop
from huracan_spool.archive.progress import Progress, Told
from huracan_spool.archive.reader import Reader
from huracan_spool.archive.run import Run
from huracan_spool.archive.tree import StoredRun, runs_of
from huracan_spool.archive.verifying import Difference, Verified
from huracan_spool.errors import TryAgain
from huracan_spool.manifest import Kind, parse_symbol, parse_trained_at

if TYPE_CHECKING:
    import polars as pl

    from huracan_spool.receipt import Receipt

T = TypeVar("T")
Day = date | str

_FRESH = 2.0  # seconds for which an answer of the store is as good as a new one


class Offline(UserWarning):
    """The store can't be reached; what is known of it is as of an earlier time."""


class RunNotFound(LookupError):
    """There is no such run in the archive."""


class Archive:
    """The runs of one store. Made by `Archive.open()`; its methods may be called from any thread.

    They wait for what they fetch, so in a coroutine: `await asyncio.to_thread(archive.runs)`. What they raise: the
    families of `huracan_spool.errors`, `LookupError` for what is not there, `Damaged` for bytes that are not what
    was stored, `OSError` of this host's disk. A symbol may be written as `SOL/USDT` or `SOL-USDT`, a day as a
    `date` or `2025-11-12`.
    """

    def __init__(
        self, reader: Reader, cache: Path, progress: Progress, *, closing: AsyncExitStack, loop: Loop
    ) -> None:
        """For `opening`: `reader` belongs to the loop, and ends with `closing`."""
        self._reader = reader
        self._progress = progress
        self._closing = closing
        self._loop = loop
        home = cache / "stores" / hashlib.sha256(reader.name.encode()).hexdigest()[:16]
        home.mkdir(parents=True, exist_ok=True)
        self._home = home
        self._index = Index(home / "index.sqlite")
        self.cache = ContentCache(cache)
        self._bringing = Bringing(reader, self._index, self.cache, progress)
        self._refreshing = asyncio.Lock()
        self._asked = float("-inf")

    @classmethod
    def open(
        cls,
        config: Path | str | None = None,
        *,
        local: bool = False,
        cache: Path | str | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """The store of the configuration: Dropbox, or the local archive, which is taken too if `local` is true.

        Contacts nobody. What is fetched is kept in `cache`, by default below `$XDG_CACHE_HOME`. `progress` hears of
        what takes long, by default stderr; `Silent` keeps it to itself. Raises `ConfigurationError`.
        """
        from huracan_spool.archive.opening import configured, opened  # noqa: PLC0415 - settings, for this alone

        settings = configured(Path(config) if config else None, local=local)
        where = Path(cache) if cache else None
        return opened(cls, settings, local=local, cache=where, progress=progress or Told())

    def close(self) -> None:
        self._loop.run(self._closing.aclose())
        self._loop.close()
        self._index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what there is

    @property
    def as_of(self) -> str | None:
        """When the store was last asked what it has: RFC 3339 in UTC; None before the first answer."""
        return self._index.as_of

    def refresh(self) -> None:
        """Ask the store what has changed. The others do this by themselves, at most every two seconds."""
        self._do(self._refresh(fresh=0.0))

    def symbols(self) -> list[str]:
        """The folders' names, in order."""
        self._do(self._refresh())
        return self._index.symbols()

    def dates(self, symbol: str) -> list[date]:
        """The training dates of a symbol, in order."""
        self._do(self._refresh())
        return self._index.dates(_folder(symbol))

    def runs(self, symbol: str | None = None, since: Day | None = None, until: Day | None = None) -> pl.DataFrame:
        """One row a run with all its metrics, superseded runs marked, by symbol and time of training.

        `since` and `until` are training dates, both included. Columns: `symbol`, `date`, `trained_at` (UTC),
        `superseded`, `kinds`, `bytes`, `folder`, and then each metric by its name, with dots for what is nested.
        """
        from huracan_spool.archive import frame  # noqa: PLC0415 - polars takes 0.1 s

        choice = Choice(_folder(symbol) if symbol else None, _day(since), _day(until))
        self._do(self._runs(choice))
        metrics = frame.metrics_frame(frame.KeptFrame(self._home / "metrics.parquet"), self._index)
        runs = frame.runs_frame(frame.KeptFrame(self._home / "runs.parquet"), self._index)
        return frame.with_metrics(frame.chosen(runs, choice), metrics)

    def compare(
        self,
        symbol: str,
        days: Iterable[Day] | None = None,
        *,
        since: Day | None = None,
        until: Day | None = None,
        long: bool = False,
    ) -> pl.DataFrame:
        """The metrics that are numbers, of the latest runs of some days, or of all from `since` to `until`.

        A row a metric and a column a run, with differences from the first run; with `long`, a row a value. Raises
        `LookupError` for a day without a run.
        """
        from huracan_spool.archive import comparing  # noqa: PLC0415 - polars takes 0.1 s
        from huracan_spool.archive.choosing import choose  # noqa: PLC0415

        runs = self.runs(symbol, since, until)
        if days is None:
            runs = runs.filter(~runs["superseded"])
        else:
            runs = runs[[choose(runs, _folder(symbol), _day(day)) for day in days]]
        return comparing.long(runs) if long else comparing.wide(runs)

    def latest(self, symbol: str, *, kind: Kind | str | None = None) -> Run:
        """The run of a symbol that was trained last; with `kind`, the last that has such an artifact.

        Raises `RunNotFound`.
        """
        self._do(self._refresh())
        folder = _folder(symbol)
        for row in reversed(self._index.runs(Choice(folder))):
            if kind is None or Kind(kind) in row[4].split(","):
                return self._run_in(row[6])
        what = f"with {Kind(kind)} " if kind else ""
        raise RunNotFound(f"there is no run {what}of {folder}")

    def run(self, symbol: str, day: Day, trained_at: datetime | str | None = None) -> Run:
        """The latest run of a symbol and day, or the one trained at a time. Raises `RunNotFound`."""
        self._do(self._refresh())
        folder, its_day = _folder(symbol), _day(day)
        at = _moment(trained_at)
        # Of two in one second the one that is not superseded, which is the last.
        for row in reversed(self._index.runs(Choice(folder, its_day, its_day))):
            if (not row[3]) if at is None else row[2] == int(at.timestamp()):
                return self._run_in(row[6])
        when = f" trained at {at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
        raise RunNotFound(f"there is no run of {folder} on {its_day}{when}")

    def select(
        self,
        symbol: str | None = None,
        since: Day | None = None,
        until: Day | None = None,
        *,
        superseded: bool = False,
    ) -> list[Run]:
        """Runs to work with, in the order of `runs`; superseded ones only if asked for."""
        self._do(self._refresh())
        choice = Choice(_folder(symbol) if symbol else None, _day(since), _day(until))
        return [self._run_in(row[6]) for row in self._index.runs(choice) if superseded or not row[3]]

    def verify(
        self,
        symbol: str | None = None,
        since: Day | None = None,
        until: Day | None = None,
        *,
        receipts: Iterable[Receipt] = (),
    ) -> Verified:
        """The store against its records, and against receipts: contract section 11.

        What belongs to no run is looked for only when all of the archive is verified.
        """
        choice = Choice(_folder(symbol) if symbol else None, _day(since), _day(until))
        return self._do(self._verify(choice, list(receipts)))

    async def _verify(self, choice: Choice, receipts: Sequence[Receipt]) -> Verified:
        await self._refresh(fresh=0.0)
        runs = [self._stored(row[6]) for row in self._index.runs(choice)]
        chosen = [receipt for receipt in receipts if _is_chosen(receipt, choice)]
        return await self._bringing.verify_all(runs, chosen, whole=choice == Choice())

    # -- files

    def pull(self, runs: Iterable[Run], folder: Path | str) -> list[Path]:
        """The runs' files into `folder`, laid out as in the store; returns each run's own folder there."""
        stored = [self._stored(run.folder) for run in runs]
        return self._do(self._bringing.pull(stored, Path(folder)))

    def candles(self, symbol: str) -> pl.LazyFrame:
        """The shared candles of a symbol, merged: one row per timestamp, the newest file's. Sorted by `ts`, UTC.

        Raises `RunNotFound` when there are none.
        """
        from huracan_spool.archive.candles import merged  # noqa: PLC0415 - polars

        return merged(self._candle_files(symbol))

    def candle_gaps(self, symbol: str) -> pl.DataFrame:
        """Where the merged candles have holes: `after`, `before`, `missing`, by the step that most of them have."""
        from huracan_spool.archive.candles import gaps  # noqa: PLC0415 - as above

        return gaps(self.candles(symbol))

    def candles_folder(self, symbol: str) -> Path:
        """A folder with the shared candles as they are, for `pl.scan_parquet(folder / "*.parquet")`."""
        folder = self._home / "candles" / _folder(symbol)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {path.name: target for path, target in self._candle_paths(symbol).items()}
        for link in folder.iterdir():
            if link.name not in wanted or Path(os.readlink(link)) != wanted[link.name]:
                link.unlink(missing_ok=True)
        for name, target in wanted.items():
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(target)
        return folder

    def _candle_files(self, symbol: str) -> list[Path]:
        """Oldest first."""
        return list(self._candle_paths(symbol).values())

    def _candle_paths(self, symbol: str) -> Mapping[Path, Path]:
        self._do(self._refresh())
        paths = self._do(self._bringing.shared_candles(_folder(symbol)))
        if not paths:
            raise RunNotFound(f"there are no candles of {_folder(symbol)}")
        return paths

    # -- for a Run

    def record_of(self, run: StoredRun) -> Mapping[str, Any]:
        document: dict[str, Any] = json.loads(self._do(self._bringing.record_of(run)))
        return document

    def path_of(self, run: StoredRun, kind: Kind) -> Path:
        if kind not in run.files:
            raise LookupError(f"the run {run.folder} has no {kind}")
        return self._do(self._bringing.path_of(run, kind))

    def download(self, run: StoredRun, folder: Path) -> Path:
        return self._do(self._bringing.pull([run], folder))[0]

    def verify_run(self, run: StoredRun) -> list[Difference]:
        return self._do(self._bringing.verify(run))

    # -- inside

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run(work)
        finally:
            self._progress.end()

    async def _runs(self, choice: Choice) -> None:
        await self._refresh()
        try:
            await read_metrics(self._reader, self._index, choice, self._progress)
        except TryAgain as error:
            self._offline(error)

    async def _refresh(self, fresh: float = _FRESH) -> None:
        now = asyncio.get_running_loop().time
        async with self._refreshing:
            if now() - self._asked < fresh:
                return
            try:
                await catch_up(self._reader, self._index, self._home / "lock", self._progress)
            except TryAgain as error:
                if not self._index.complete:
                    raise
                self._offline(error)
            self._asked = now()

    def _offline(self, error: TryAgain) -> None:
        warnings.warn(f"{error}; the archive as of {self.as_of} is used", Offline, stacklevel=2)

    def _run_in(self, folder: str) -> Run:
        return Run(self, self._stored(folder))

    def _stored(self, folder: str) -> StoredRun:
        """Raises `RunNotFound` when it went since its row was read."""
        found = next((run for run in runs_of(self._index.files_in(folder)) if run.folder == folder), None)
        if found is None:
            raise RunNotFound(f"the run {folder} is not there any more")
        return found

    def __repr__(self) -> str:
        return f"<Archive {self._reader.name}: {len(self._index):,} files as of {self.as_of}>"

    def _repr_html_(self) -> str:
        symbols = "".join(f"<li>{html.escape(symbol)}</li>" for symbol in self._index.symbols()[:50])
        return f"<p>{html.escape(repr(self))}</p><ul>{symbols}</ul>"


def _folder(symbol: str) -> str:
    """Raises `ValueError`."""
    return parse_symbol(symbol).folder


def _is_chosen(receipt: Receipt, choice: Choice) -> bool:
    """False for one without a symbol or time: of a run that failed before anything was known of it."""
    try:
        return choice.includes(_folder(receipt.symbol or ""), parse_trained_at(receipt.trained_at or "").date())
    except ValueError:
        return False


def _day(day: Day | None) -> date | None:
    """Raises `ValueError`."""
    if isinstance(day, datetime):
        return (day.astimezone(UTC) if day.tzinfo else day).date()
    return date.fromisoformat(day) if isinstance(day, str) else day


def _moment(moment: datetime | str | None) -> datetime | None:
    """Raises `ValueError`."""
    if isinstance(moment, str):
        return parse_trained_at(moment)
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
