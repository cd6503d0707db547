"""Progress and history in SQLite: attempts, why runs wait, and when a run was first tried.

Losing it loses no run and nothing of what is promised: the spool is the queue, receipts are the commit records,
and the store itself knows what it has. So a damaged file is put aside and a new one begun.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from huracan_spool.ledger_file import LedgerFile, OwnLedgerFile, open_to_look

# In the state directory, beside the lock of whoever runs there.
LEDGER = "ledger.sqlite"
LOCK = "lock"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT NOT NULL,               -- as its manifest is named
    manifest_sha256 TEXT NOT NULL,   -- the same name with another manifest is another submission
    queued_at TEXT NOT NULL,         -- RFC 3339, UTC, as every time here
    started_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    waits_because TEXT,
    due_at TEXT,
    PRIMARY KEY (run, manifest_sha256)
) STRICT;
CREATE TABLE IF NOT EXISTS first_tries (
    digest TEXT PRIMARY KEY,         -- of the run
    uploaded_at TEXT NOT NULL        -- what its record says, on every attempt
) STRICT;
CREATE TABLE IF NOT EXISTS upload_sessions (
    content_hash TEXT PRIMARY KEY,   -- of the large file that is on its way
    session_id TEXT NOT NULL,
    piece INTEGER NOT NULL,          -- bytes in one call
    begun_at REAL NOT NULL           -- seconds since 1970: Dropbox forgets sessions
) STRICT;
CREATE TABLE IF NOT EXISTS upload_pieces (
    content_hash TEXT NOT NULL,
    at_offset INTEGER NOT NULL,      -- of a piece that has arrived
    PRIMARY KEY (content_hash, at_offset)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pause (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    since TEXT NOT NULL,
    reason TEXT NOT NULL,
    hint TEXT NOT NULL
) STRICT;
"""

# Every statement that is not the schema, by what it is for.
_QUEUED = "INSERT OR IGNORE INTO runs (run, manifest_sha256, queued_at) VALUES (?, ?, ?)"
_STARTED = (
    "UPDATE runs SET attempts = attempts + 1, started_at = coalesce(started_at, ?),"
    " waits_because = NULL, due_at = NULL WHERE run = ? AND manifest_sha256 = ?"
    " RETURNING attempts, queued_at, started_at"
)
_WAITS = "UPDATE runs SET waits_because = ?, due_at = ? WHERE run = ?"
_SETTLED = "DELETE FROM runs WHERE run = ?"
_FIRST_TRY = "INSERT OR IGNORE INTO first_tries (digest, uploaded_at) VALUES (?, ?)"
_UPLOADED_AT = "SELECT uploaded_at FROM first_tries WHERE digest = ?"
_FORGET_TRIES = "DELETE FROM first_tries WHERE uploaded_at < ?"
_PAUSED = "INSERT OR REPLACE INTO pause (only_row, since, reason, hint) VALUES (1, ?, ?, ?)"
_RESUMED = "DELETE FROM pause"
_SESSION = "SELECT session_id, piece, begun_at FROM upload_sessions WHERE content_hash = ?"
_PIECES = "SELECT at_offset FROM upload_pieces WHERE content_hash = ?"
_BEGIN_SESSION = "INSERT OR REPLACE INTO upload_sessions VALUES (?, ?, ?, ?)"
_PIECE_DONE = "INSERT OR IGNORE INTO upload_pieces VALUES (?, ?)"
_FORGET_SESSION = "DELETE FROM upload_sessions WHERE content_hash = ?"
_FORGET_PIECES = "DELETE FROM upload_pieces WHERE content_hash = ?"
_WAITING_RUNS = "SELECT run, attempts, queued_at, waits_because, due_at FROM runs ORDER BY queued_at, run"
_PAUSE = "SELECT since, reason, hint FROM pause"


@dataclass(frozen=True, slots=True)
class Attempt:
    """`number` counts from 1 over restarts of the daemon."""

    number: int
    queued_at: str
    started_at: str


@dataclass(frozen=True, slots=True)
class FirstTry:
    """`at` is what the run's record says; `is_now` when nothing was tried before."""

    at: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class WaitingRun:
    run: str
    attempts: int
    queued_at: str
    waits_because: str | None
    due_at: str | None


@dataclass(frozen=True, slots=True)
class AccountPause:
    since: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class LargeSession:
    """An upload session of a large file: its id, the pieces' length in bytes, the offsets that arrived."""

    session_id: str
    piece: int
    done: frozenset[int]


SESSION_LIFE = 6 * 86400.0  # seconds; Dropbox says 7 days


class Ledger:
    """For any thread. Raises `sqlite3.Error` when the disk refuses."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def close(self) -> None:
        self._file.close()

    def begin(self, run: str, manifest_sha256: str, now: str) -> Attempt:
        with self._file.transaction() as database:
            database.execute(_QUEUED, (run, manifest_sha256, now))
            row = database.execute(_STARTED, (now, run, manifest_sha256)).fetchone()
        return Attempt(*row)

    def first_try(self, digest: str, now: str) -> FirstTry:
        """When the run with this digest was first tried: `now` the first time, the same ever after."""
        with self._file.transaction() as database:
            new = database.execute(_FIRST_TRY, (digest, now)).rowcount == 1
            at = database.execute(_UPLOADED_AT, (digest,)).fetchone()[0]
        return FirstTry(str(at), is_now=new)

    def waits(self, run: str, because: str, due_at: str) -> None:
        self._write(_WAITS, because, due_at, run)

    def settled(self, run: str) -> None:
        self._write(_SETTLED, run)

    def forget_tries_before(self, moment: str) -> None:
        self._write(_FORGET_TRIES, moment)

    def paused(self, since: str, reason: str, hint: str) -> None:
        self._write(_PAUSED, since, reason, hint)

    def resumed(self) -> None:
        self._write(_RESUMED)

    def load_session(self, content_hash: str) -> LargeSession | None:
        """None when there is none, or it is so old that Dropbox may have forgotten it."""
        with self._file.transaction() as database:
            row = database.execute(_SESSION, (content_hash,)).fetchone()
            pieces = database.execute(_PIECES, (content_hash,)).fetchall()
        if row is None or not 0 <= time.time() - row[2] < SESSION_LIFE:
            return None
        return LargeSession(row[0], row[1], frozenset(offset for (offset,) in pieces))

    def save_session(self, content_hash: str, session_id: str, piece: int) -> None:
        with self._file.transaction() as database:
            database.execute(_FORGET_PIECES, (content_hash,))
            database.execute(_BEGIN_SESSION, (content_hash, session_id, piece, time.time()))

    def piece_done(self, content_hash: str, offset: int) -> None:
        with self._file.transaction() as database:
            database.execute(_PIECE_DONE, (content_hash, offset))

    def forget_session(self, content_hash: str) -> None:
        with self._file.transaction() as database:
            database.execute(_FORGET_SESSION, (content_hash,))
            database.execute(_FORGET_PIECES, (content_hash,))

    def waiting_runs(self) -> list[WaitingRun]:
        with self._file.transaction() as database:
            return [WaitingRun(*row) for row in database.execute(_WAITING_RUNS)]

    def pause(self) -> AccountPause | None:
        with self._file.transaction() as database:
            row = database.execute(_PAUSE).fetchone()
        return AccountPause(*row) if row else None

    def _write(self, statement: str, *values: str) -> None:
        with self._file.transaction() as database:
            database.execute(statement, values)


def open_ledger(path: Path) -> Ledger:
    """The daemon's ledger. Raises `OSError` when it can't be used."""
    try:
        return Ledger(OwnLedgerFile(path, _SCHEMA))
    except sqlite3.OperationalError as error:
        raise OSError(f"the ledger {path} can't be used: {error}") from error


def read_ledger(path: Path) -> Ledger | None:
    """For a look from outside, while a daemon may be writing; None when there is none to read."""
    file = open_to_look(path)
    return Ledger(file) if file else None
