"""The file behind the ledger: opened, checked, and replaced when it is damaged or gone.

SQLite alone would go on in a deleted file, which nobody can look into, and refuse a damaged one for ever.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import structlog

_PATIENCE = 2.0  # seconds for somebody else to let go of the file; a look from outside takes milliseconds
_BESIDE = ("-wal", "-shm")


class LedgerFile:
    """One connection, used by one thread at a time. Raises `sqlite3.Error` when the disk refuses."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class OwnLedgerFile(LedgerFile):
    """The daemon's: a file that is no sound database, or becomes none, is kept as `….damaged` and a new one begun.

    The call that meets the damage fails, which costs a run a retry.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        super().__init__(self._open())
        self._identity = os.stat(path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._notice_loss()
            try:
                with self._connection:
                    yield self._connection
            except sqlite3.DatabaseError as error:
                if _is_damage(error):
                    self._damaged(error)
                raise

    def _notice_loss(self) -> None:
        """Somebody deleted the file, or put another one in its place."""
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(self._path), self._identity):
                return
        self._connection.close()  # first: it removes what lies beside the database by its name
        _put_aside(self._path, _BESIDE)  # of the lost file; with the one that is there now they would be damage
        self._connection = self._open()
        self._identity = os.stat(self._path)
        structlog.get_logger().warning("ledger_lost", path=self._path, action="what is there now is used")

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._path, self._schema)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return self._begin_anew(error)

    def _damaged(self, error: sqlite3.DatabaseError) -> None:
        self._connection.close()
        self._connection = self._begin_anew(error)
        self._identity = os.stat(self._path)

    def _begin_anew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        structlog.get_logger().warning(
            "ledger_damaged", path=self._path, error=str(error), action="kept as .damaged, a new one begun"
        )
        _put_aside(self._path, ("", *_BESIDE))
        return _connect(self._path, self._schema)


def open_to_look(path: Path) -> LedgerFile | None:
    """For a look from outside, while a daemon may be writing; None when there is none to read."""
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
        connection.execute("SELECT 1 FROM runs LIMIT 1")
    except sqlite3.Error:
        return None
    return LedgerFile(connection)


def _connect(path: Path, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a lost last row is a repeated look-up, no more
        if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check found damage")  # noqa: TRY301
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """The file, not the disk or our statement: for those there are subclasses."""
    return type(error) is sqlite3.DatabaseError


def _put_aside(path: Path, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(path.with_name(path.name + suffix + ".damaged"))
