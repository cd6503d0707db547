"""What is known of the spool's content: the pending runs and the files they name.

In a private SQLite database that nobody else sees and that ends with the process: a backlog of 100,000 runs
names half a million files, which as Python objects would take more memory than all the rest of the daemon. Up
to a few thousand runs it stays in memory, beyond that SQLite spills to a temporary file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from huracan_spool.manifest import MANIFEST_SUFFIX
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import Identity
from huracan_spool.spool.manifests import declared_files, identity_of, published_at, version_of
from huracan_spool.spool.protocol import NameKind

_CACHE_KIB = 16 * 1024
_BATCH = 1000
_A_MANIFEST = f"*{MANIFEST_SUFFIX}"
_EXAMPLES = 3
_MOST_TOLD = 20  # badly named manifests in one look: anybody can make a million of them

_SCHEMA = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY,
    version TEXT NOT NULL,       -- of its manifest; touched in any way it is another one
    seen REAL NOT NULL,          -- monotonic seconds, when this version was first seen
    published REAL NOT NULL,     -- seconds since 1970
    turn INTEGER NOT NULL,       -- counts what is learned: tells what a look could not have found
    offered INTEGER NOT NULL     -- 1 once the queue has it
) WITHOUT ROWID;
CREATE INDEX unoffered ON runs (seen, run) WHERE offered = 0;
CREATE INDEX by_age ON runs (published);
CREATE TABLE names (name TEXT, run TEXT, PRIMARY KEY (name, run)) WITHOUT ROWID;
CREATE INDEX names_of ON names (run);
CREATE TABLE look (run TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE others (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE orphans (
    name TEXT PRIMARY KEY,
    looks INTEGER NOT NULL,      -- in a row, in which it was one
    look INTEGER NOT NULL        -- the last of them
) WITHOUT ROWID;
"""

# Every statement, by what it is for.
_NOTE_MANIFEST = "INSERT OR REPLACE INTO look VALUES (?)"
_NOTE_OTHER = "INSERT OR REPLACE INTO others VALUES (?)"
_GONE = "SELECT run FROM runs WHERE turn <= ? AND run NOT IN (SELECT run FROM look)"
_LEARN = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, 0)"
_NAMES = "INSERT OR IGNORE INTO names VALUES (?, ?)"
_FORGET = "DELETE FROM runs WHERE run = ?"
_FORGET_NAMES = "DELETE FROM names WHERE run = ?"
_COUNT = "SELECT count(*) FROM runs"
_SEEN = "SELECT version, seen FROM runs WHERE run = ?"
_PUBLISHED = "SELECT published FROM runs WHERE run = ?"
_OLDEST = "SELECT min(published) FROM runs"
_FILES = "SELECT name FROM names WHERE run = ?"
_OTHERS_NAME = "SELECT 1 FROM names WHERE name = ? AND run != ? LIMIT 1"
_UNOFFERED = "SELECT run FROM runs WHERE offered = 0 ORDER BY seen, run LIMIT ?"
_OFFERED = "UPDATE runs SET offered = 1 WHERE run = ?"
_ORPHANS = (
    "SELECT name FROM others WHERE name > ? AND NOT EXISTS (SELECT 1 FROM names WHERE names.name = others.name)"
    " ORDER BY name LIMIT ?"
)
_NOTE_ORPHAN = (
    "INSERT INTO orphans VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE SET looks = looks + 1, look = excluded.look"
)
_FORGET_ORPHANS = "DELETE FROM orphans WHERE look != ?"
_COUNT_ORPHANS = "SELECT count(*), sum(looks > 1) FROM orphans"
_LASTING = "SELECT name FROM orphans WHERE looks > 1 ORDER BY name LIMIT ?"
_COUNT_BADLY_NAMED = "SELECT count(*) FROM orphans WHERE looks = 1 AND name GLOB ?"
_BADLY_NAMED = "SELECT name FROM orphans WHERE looks = 1 AND name GLOB ? ORDER BY name LIMIT ?"


Found = tuple[str, str, tuple[str, ...]]  # a run, its manifest's version, the files that it names


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What whole looks found besides runs: names that no pending manifest claims, however many there are.

    An artifact is an orphan until its manifest comes, so `lasting` counts those of two looks in a row.
    `badly_named` are manifests, in name only, that the look before had not found.
    """

    orphans: int
    lasting: int
    examples: tuple[str, ...]
    badly_named: tuple[str, ...]
    badly_named_in_all: int


class Index:
    """Used by the event loop and by one scanning thread. Raises `sqlite3.Error` when the disk refuses."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()
        self.turn = 0
        self._looks = 0
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.executescript(_SCHEMA)

    def __len__(self) -> int:
        return _number(self._one(_COUNT)[0])

    # -- a look at the whole directory

    def look_at(self, spool: Spool) -> Generator[list[Found]]:
        """Note every name, some at a time; yields the runs that are new or were touched. Raises `OSError`.

        For a thread: 100,000 runs of six files take some ten seconds, of which each step is a few milliseconds.
        """
        self._script("DELETE FROM look; DELETE FROM others;")
        with os.scandir(spool.root) as entries:
            while batch := list(islice(entries, _BATCH)):
                manifests, others = _sort(spool, batch)
                self._many(_NOTE_MANIFEST, [(run,) for run, _ in manifests])
                self._many(_NOTE_OTHER, [(name,) for name in others])
                fresh = [(run, version) for run, version in manifests if self.version_of(run) != version]
                yield [(run, version, declared_files(spool, run)) for run, version in fresh]

    def gone(self, began: int) -> list[str]:
        """Runs that were known when the last look began, at that `turn`, and were not found by it."""
        return [str(run) for (run,) in self._all(_GONE, began)]

    def leftovers(self) -> Leftovers:
        """For a thread, after a whole look."""
        self._looks += 1
        after = ""
        while batch := self._all(_ORPHANS, after, _BATCH):
            self._many(_NOTE_ORPHAN, [(name, self._looks) for (name,) in batch])
            after = str(batch[-1][0])
        self._many(_FORGET_ORPHANS, [(self._looks,)])
        orphans, lasting = self._one(_COUNT_ORPHANS)
        return Leftovers(
            _number(orphans),
            _number(lasting or 0),
            tuple(str(name) for (name,) in self._all(_LASTING, _EXAMPLES)),
            tuple(str(name) for (name,) in self._all(_BADLY_NAMED, _A_MANIFEST, _MOST_TOLD)),
            _number(self._one(_COUNT_BADLY_NAMED, _A_MANIFEST)[0]),
        )

    # -- single runs

    def learn(self, found: Sequence[Found], now: float) -> None:
        """Take note of runs that were seen `now`; they are offered to the queue (again)."""
        self._many(_FORGET_NAMES, [(run,) for run, _, _ in found])
        self.turn += 1
        self._many(_LEARN, [(run, version, now, published_at(version), self.turn) for run, version, _ in found])
        self._many(_NAMES, [(name, run) for run, _, files in found for name in files])

    def forget(self, run: str) -> None:
        with self._lock:
            self._database.execute(_FORGET, (run,))
            self._database.execute(_FORGET_NAMES, (run,))

    def let_go(self, run: str, manifest: Identity) -> None:
        """Forget what `manifest` names, unless a newer one has come under the run's name."""
        version = self.version_of(run)
        if version is not None and manifest.same_file(identity_of(version)):
            with self._lock:
                self._database.execute(_FORGET_NAMES, (run,))

    def version_of(self, run: str) -> str | None:
        row = self._one(_SEEN, run)
        return str(row[0]) if row else None

    def seen(self, run: str) -> float | None:
        row = self._one(_SEEN, run)
        return float(str(row[1])) if row else None

    def published(self, run: str) -> float | None:
        row = self._one(_PUBLISHED, run)
        return float(str(row[0])) if row else None

    def oldest_published(self) -> float | None:
        oldest = self._one(_OLDEST)[0]
        return None if oldest is None else float(str(oldest))

    def files_of(self, run: str) -> tuple[str, ...]:
        return tuple(str(name) for (name,) in self._all(_FILES, run))

    def named_by_others(self, run: str, names: Iterable[str]) -> frozenset[str]:
        return frozenset(name for name in names if self._one(_OTHERS_NAME, name, run))

    def offer(self, limit: int) -> list[str]:
        """The next runs for the queue, the longest known first; they are not offered again."""
        runs = [str(run) for (run,) in self._all(_UNOFFERED, limit)]
        self._many(_OFFERED, [(run,) for run in runs])
        return runs

    # -- the database

    def _one(self, statement: str, *values: object) -> tuple[object, ...]:
        with self._lock:
            return self._database.execute(statement, values).fetchone() or ()

    def _all(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def _many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany(statement, rows)
            self._database.execute("COMMIT")

    def _script(self, script: str) -> None:
        with self._lock:
            self._database.executescript(script)


def _sort(spool: Spool, batch: Iterable[os.DirEntry[str]]) -> tuple[list[tuple[str, str]], list[str]]:
    """The manifests with their versions, and the other names that are not the daemon's own."""
    manifests, others = list[tuple[str, str]](), list[str]()
    for entry in batch:
        kind = protocol.kind_of(entry.name)
        version = version_of(spool, entry.name) if kind is NameKind.MANIFEST else None
        if version is not None:
            manifests.append((entry.name.removesuffix(MANIFEST_SUFFIX), version))
        elif kind is NameKind.OTHER or (kind is NameKind.MANIFEST and entry.is_dir(follow_symlinks=False)):
            others.append(_text(entry.name))
    return manifests, others


def _number(value: object) -> int:
    return int(str(value))


def _text(name: str) -> str:
    """A file name that SQLite can hold: names need not be UTF-8."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
