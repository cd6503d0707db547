"""What is known of a store: its files, the runs that they are, and the small documents read so far.

SQLite, because it is larger than memory should be (a year of 200 symbols is half a million files), is kept page by
page while a first listing goes on, and is shared by several processes. All of it can be had again from the store.
"""

from __future__ import annotations

import errno
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from huracan_spool import layout
from huracan_spool.archive.reader import Page, StoredFile
from huracan_spool.archive.tree import StoredRun, day_of, places, runs_of
from huracan_spool.manifest import Kind

_VERSION = 1
_PATIENCE = 30.0  # seconds for another process to end its transaction
_DAYS_AT_ONCE = 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY,       -- lower case, as stores compare them
    version TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,   -- seconds since 1970, as every time here
    id TEXT NOT NULL,
    round INTEGER NOT NULL       -- the whole listing that saw it last
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS touched (day TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    folder TEXT PRIMARY KEY,
    symbol TEXT NOT NULL,
    date TEXT NOT NULL,
    trained_at INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    kinds TEXT NOT NULL,         -- joined by commas
    bytes INTEGER NOT NULL,
    metrics TEXT                 -- the version of its metrics
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_in_order ON runs (symbol, trained_at, superseded, folder);
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY,  -- rises: tells which are new
    version TEXT NOT NULL UNIQUE,
    is_metrics INTEGER NOT NULL, -- else a run's record
    body BLOB NOT NULL
);
"""

# Every statement, by what it is for. A path's descendants lie between it with a slash and it with the next sign, 0.
_FACT = "SELECT value FROM facts WHERE name = ?"
_NOTE_FACT = "INSERT OR REPLACE INTO facts VALUES (?, ?)"
_FORGET_FACT = "DELETE FROM facts WHERE name = ?"
_NOTE_FILE = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)"
_PATHS_BELOW = "SELECT path FROM files WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')"
_FORGET_BELOW = "DELETE FROM files WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')"
_PATHS_OF_OLD = "SELECT path FROM files WHERE round < ?"
_FORGET_OLD = "DELETE FROM files WHERE round < ?"
_TOUCH = "INSERT OR IGNORE INTO touched VALUES (?)"
_TOUCHED = "SELECT day FROM touched ORDER BY day LIMIT ?"
_UNTOUCH = "DELETE FROM touched WHERE day = ?"
_FILES_IN = "SELECT path, version, size, modified, id FROM files WHERE path > ?1 AND path < ?2 ORDER BY path"
_FORGET_RUNS = "DELETE FROM runs WHERE folder >= ?1 AND folder < ?2"
_NOTE_RUN = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SYMBOLS = "SELECT DISTINCT symbol FROM runs ORDER BY symbol"
_DATES = "SELECT DISTINCT date FROM runs WHERE symbol = ? ORDER BY date"
_COUNT = "SELECT count(*) FROM files"
_RUNS = (
    "SELECT symbol, date, trained_at, superseded, kinds, bytes, folder, metrics FROM runs"
    " WHERE (?1 IS NULL OR symbol = ?1) AND (?2 IS NULL OR date >= ?2) AND (?3 IS NULL OR date <= ?3)"
    " ORDER BY symbol, trained_at, superseded DESC, folder"
)
_UNREAD = (
    "SELECT DISTINCT folder, metrics FROM runs WHERE metrics NOT IN (SELECT version FROM documents)"
    " AND (?1 IS NULL OR symbol = ?1) AND (?2 IS NULL OR date >= ?2) AND (?3 IS NULL OR date <= ?3)"
    " ORDER BY date DESC, symbol"
)
_ALL_FILES = "SELECT path, version, size, modified, id FROM files ORDER BY path"
_FILE = "SELECT path, version, size, modified, id FROM files WHERE path = ?"
_NOTE_DOCUMENT = "INSERT OR IGNORE INTO documents (version, is_metrics, body) VALUES (?, ?, ?)"
_DOCUMENT = "SELECT body FROM documents WHERE version = ?"
_NEW_DOCUMENTS = (
    "SELECT number, version, body FROM documents WHERE is_metrics AND number > ? ORDER BY number LIMIT ?"
)
_CLEAR = "DELETE FROM files; DELETE FROM runs; DELETE FROM touched; DELETE FROM facts; DELETE FROM documents;"


class Choice(NamedTuple):
    """Which runs: of a symbol's folder, of training dates from and to, both included; None for all."""

    symbol: str | None = None
    since: date | None = None
    until: date | None = None

    def includes(self, symbol: str, day: date) -> bool:
        is_its = self.symbol in (None, symbol)
        return is_its and (self.since or date.min) <= day <= (self.until or date.max)

    def values(self) -> tuple[str | None, str | None, str | None]:
        since, until = (day.isoformat() if day else None for day in (self.since, self.until))
        return self.symbol, since, until


class Index:
    """Used by several threads, one at a time, and by several processes. Raises `OSError` for what SQLite meets.

    A file that is no database any more is replaced; damage that shows later is told with what to do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._told():
            self._database = _connected(path)
            self._begin()

    def _begin(self) -> None:
        if self._fact("schema") != str(_VERSION):
            self._database.executescript(_CLEAR)
            self._database.execute(_NOTE_FACT, ("born", secrets.token_hex(8)))
            self._database.execute(_NOTE_FACT, ("schema", str(_VERSION)))

    def close(self) -> None:
        with self._alone():
            self._database.close()

    @property
    def born(self) -> str:
        """Another for each index: what was made from one is not for the other."""
        with self._alone():
            return self._fact("born") or ""

    @property
    def generation(self) -> int:
        """Rises whenever a run may be another."""
        with self._alone():
            return int(self._fact("generation") or 0)

    # -- following the store

    @property
    def cursor(self) -> str | None:
        with self._alone():
            return self._fact("cursor")

    @property
    def complete(self) -> bool:
        """Whether a whole listing has ended once."""
        with self._alone():
            return self._fact("complete") is not None

    @property
    def as_of(self) -> str | None:
        """When the store was last asked, RFC 3339 in UTC."""
        with self._alone():
            return self._fact("as_of")

    def begin_anew(self) -> None:
        """The next page is the first of a whole listing; what none of its pages names goes at its end."""
        with self._change() as database:
            database.execute(_FORGET_FACT, ("cursor",))
            database.execute(_NOTE_FACT, ("whole", "1"))
            database.execute(_NOTE_FACT, ("round", str(self._round() + 1)))

    def take(self, page: Page) -> None:
        with self._change() as database:
            current, days = self._round(), set[str]()
            for change in page.changes:
                if isinstance(change, str):
                    days.update(self._forget_below(database, change.lower()))
                else:
                    path = change.path.lower()
                    database.execute(_NOTE_FILE, (path, *change[1:], current))
                    days.add(day_of(path) or "")
            self._touch(database, days)
            database.execute(_NOTE_FACT, ("cursor", page.cursor))

    def caught_up(self, now: str) -> None:
        """The last page has been taken: the runs are made anew where anything was touched."""
        with self._change() as database:
            if self._fact("whole"):
                old = (self._round(),)
                self._touch(database, {day_of(path) or "" for (path,) in database.execute(_PATHS_OF_OLD, old)})
                database.execute(_FORGET_OLD, old)
                database.execute(_FORGET_FACT, ("whole",))
        while self._make_runs():
            pass
        with self._change() as database:
            database.execute(_NOTE_FACT, ("complete", "1"))
            database.execute(_NOTE_FACT, ("as_of", now))

    def _forget_below(self, database: sqlite3.Connection, path: str) -> set[str]:
        days = {day_of(found) or "" for (found,) in database.execute(_PATHS_BELOW, (path,))}
        database.execute(_FORGET_BELOW, (path,))
        return days

    def _touch(self, database: sqlite3.Connection, days: set[str]) -> None:
        database.executemany(_TOUCH, [(day,) for day in days if day])

    def _make_runs(self) -> int:
        """Some days' runs; the number of days."""
        with self._change() as database:
            days = [day for (day,) in database.execute(_TOUCHED, (_DAYS_AT_ONCE,))]
            for day in days:
                restored = layout.restored(day + layout.RECORD_PLACE).removesuffix(layout.RECORD_PLACE)
                database.execute(_FORGET_RUNS, (restored, restored[:-1] + "0"))
                for run in runs_of(self._files_in(database, day)):
                    if run.record is not None:  # else nobody says that these files are a run
                        database.execute(_NOTE_RUN, _row(run))
            database.executemany(_UNTOUCH, [(day,) for day in days])
            if days:
                database.execute(_NOTE_FACT, ("generation", str(int(self._fact("generation") or 0) + 1)))
            return len(days)

    # -- asking

    def symbols(self) -> list[str]:
        return [symbol for (symbol,) in self._all(_SYMBOLS, ())]

    def dates(self, symbol: str) -> list[date]:
        return [date.fromisoformat(day) for (day,) in self._all(_DATES, (symbol,))]

    def runs(self, choice: Choice) -> list[tuple[str, str, int, int, str, int, str, str | None]]:
        """Symbol, date, trained_at, superseded, kinds, bytes, folder, the version of the metrics; in order."""
        return self._all(_RUNS, choice.values())

    def files_in(self, folder: str) -> list[StoredFile]:
        """The files below a folder, which ends with a slash."""
        with self._alone():
            return list(self._files_in(self._database, folder.lower()))

    def file(self, path: str) -> StoredFile | None:
        return next((_file(row) for row in self._all(_FILE, (path.lower(),))), None)

    def strangers(self) -> Iterator[StoredFile]:
        """Files that are neither a run's nor shared candles."""
        with self._alone():
            for day, files in groupby(
                map(_file, self._database.execute(_ALL_FILES)), lambda file: day_of(file.path)
            ):
                if day is None:
                    yield from (file for file in files if layout.parse_path(file.path) is None)
                    continue
                here = list(files)
                owned = {path for run in runs_of(here) if run.record for path in _paths(run)}
                yield from (file for file in here if file.path not in owned)

    def __len__(self) -> int:
        return int(self._all(_COUNT, ())[0][0])

    # -- documents

    def unread_metrics(self, choice: Choice) -> list[StoredFile]:
        """The chosen runs' metrics that are not among the documents, newest first."""
        place = layout.place_of(Kind.METRICS)
        unread = {version: folder for folder, version in self._all(_UNREAD, choice.values())}
        found = (self.file(folder + place) for folder in unread.values())
        return [file for file in found if file is not None]

    def note_documents(self, documents: Sequence[tuple[str, bytes]], *, are_metrics: bool) -> None:
        """By version."""
        with self._change() as database:
            database.executemany(_NOTE_DOCUMENT, [(version, are_metrics, body) for version, body in documents])

    def document(self, version: str) -> bytes | None:
        return next((body for (body,) in self._all(_DOCUMENT, (version,))), None)

    def metrics_since(self, number: int, most: int) -> list[tuple[int, str, bytes]]:
        """Number, version and body of the first metrics that became known after a number."""
        return self._all(_NEW_DOCUMENTS, (number, most))

    # -- the database

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            what_to_do = f"; remove {self._path}: all of it can be had again" if _is_damage(error) else ""
            raise OSError(errno.EIO, f"the index can't be used: {error}{what_to_do}", str(self._path)) from error

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told():
            yield self._database

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._alone() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:  # SQLite itself gives up some that fail
                    database.execute("ROLLBACK")

    def _all(self, statement: str, values: tuple[object, ...]) -> list[tuple]:  # type: ignore[type-arg]
        with self._alone() as database:
            return database.execute(statement, values).fetchall()

    def _files_in(self, database: sqlite3.Connection, folder: str) -> Iterable[StoredFile]:
        return map(_file, database.execute(_FILES_IN, (folder, folder[:-1] + "0")))

    def _fact(self, name: str) -> str | None:
        row = self._database.execute(_FACT, (name,)).fetchone()
        return None if row is None else str(row[0])

    def _round(self) -> int:
        return int(self._fact("round") or 0)


def _file(row: tuple[str, str, int, int, str]) -> StoredFile:
    return StoredFile(layout.restored(row[0]), *row[1:])


def _paths(run: StoredRun) -> Iterator[str]:
    return (file.path for file in places(run).values())


def _row(run: StoredRun) -> tuple[object, ...]:
    metrics = run.files.get(Kind.METRICS)
    return (
        run.folder,
        run.symbol,
        run.date.isoformat(),
        int(run.trained_at.timestamp()),
        int(run.superseded),
        ",".join(kind for kind in Kind if kind in run.files),
        run.size,
        metrics.version if metrics else None,
    )


def _connected(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def _is_damage(error: sqlite3.Error) -> bool:
    """The file, not the disk or our statement: for those there are subclasses."""
    return type(error) is sqlite3.DatabaseError
