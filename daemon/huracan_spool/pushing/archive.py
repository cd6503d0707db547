"""The local archive as its records tell it. Nothing here changes anything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from huracan_spool import layout
from huracan_spool.content_hash import content_hash
from huracan_spool.errors import HuracanSpoolError, Rejected
from huracan_spool.manifest import Kind, Symbol, parse_symbol
from huracan_spool.record import MAX_RECORD_BYTES, KnownRun, RunKey, parse_record
from huracan_spool.spool.files import open_folder, open_regular, read_limited
from huracan_spool.spool.protocol import is_run_name

FIXED = ""  # what the places of a day's latest run are relative to
_SUPERSEDED = "superseded"


class Broken(HuracanSpoolError):
    """A run of the archive that is not whole, or not what its record says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The runs that are asked for: in a symbol's folder, trained on dates from `since` to `until`. None is any."""

    symbol: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """The folder of the runs of one symbol and date."""

    date: str
    symbol: str
    path: Path

    @property
    def name(self) -> str:
        return f"{self.date}/{self.symbol}"


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """A run whose record is a true one. `base` is the folder in its day that the record was found in.

    `size` in bytes is what the record says.
    """

    name: str
    symbol: Symbol
    trained_at: datetime
    known: KnownRun
    record: bytes
    base: str
    size: int

    @property
    def wants(self) -> dict[Kind, str]:
        """The content hash of each artifact."""
        places = {kind: layout.place(kind, self.symbol, self.trained_at) for kind in Kind}
        return {kind: self.known.wants[place] for kind, place in places.items() if place in self.known.wants}

    @property
    def bases(self) -> tuple[str, str]:
        """Where its files may lie: as the latest of its day, and as an earlier one."""
        return FIXED, layout.superseded_folder(self.known.key.timestamp, self.known.key.digest)


@dataclass(frozen=True, slots=True)
class DayLook:
    """The oldest run first; and what is wrong with the others, by their folders."""

    runs: tuple[ArchivedRun, ...]
    broken: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to look at."""

    dates: int
    symbols: int
    days: int


def extent(root: Path, wanted: Wanted) -> Extent:
    """Raises `OSError` when the archive can't be read; one that is not there is empty."""
    dates, symbols, count = set(), set(), 0
    for day in days(root, wanted):
        dates.add(day.date)
        symbols.add(day.symbol)
        count += 1
    return Extent(len(dates), len(symbols), count)


def days(root: Path, wanted: Wanted) -> Iterator[Day]:
    """By date and symbol; whatever else lies there is passed over. Raises `OSError`."""
    training = root / layout.TRAINING
    for name in _names(training):
        if _is_wanted_date(name, wanted):
            for symbol in _names(training / name):
                if _is_wanted_symbol(symbol, wanted):
                    yield Day(name, symbol, training / name / symbol)


def look_at(day: Day) -> DayLook:
    """Read the records of a day. Raises `OSError` when its folder can't be read.

    The fixed places first: a run on its way from there to `superseded/` is met once at least.
    """
    runs: dict[RunKey, ArchivedRun] = {}
    broken = {}
    for base in _bases(day.path):
        try:
            found = _run_at(day, base)
        except Broken as problem:
            broken[base.rstrip("/") or "the latest run"] = str(problem)
            continue
        known = runs.get(found.known.key) if found else None
        # Recorded twice: reconcile's first rule says which one counts.
        if found and (known is None or _record_hash(found) < _record_hash(known)):
            runs[found.known.key] = found
    return DayLook(tuple(runs[key] for key in sorted(runs)), broken)


def _record_hash(run: ArchivedRun) -> str:
    return run.known.wants[layout.RECORD_PLACE]


def _bases(day: Path) -> Iterator[str]:
    yield FIXED
    for name in _names(day / _SUPERSEDED):
        yield f"{_SUPERSEDED}/{name}/"


def _run_at(day: Day, base: str) -> ArchivedRun | None:
    """The run whose record is there; None where there is nothing of a run. Raises `Broken`."""
    was_put_aside = base.startswith(layout.UNKNOWN_PREFIX)
    data = _record_in(day.path / base)
    if data is None:
        if was_put_aside or not _holds_artifacts(day.path / base):
            return None
        raise Broken(f"there are files, but no {layout.RECORD_PLACE} that says whose they are")
    hash_ = content_hash(data)
    known = parse_record(data, hash_, day.symbol, day.date) if len(data) <= MAX_RECORD_BYTES else None
    if known is not None:
        return _read(json.loads(data), data, known, base)
    if was_put_aside:
        return None
    raise Broken(f"{layout.RECORD_PLACE} is no true record of this symbol and date: damaged, or edited?")


def _read(document: dict[str, Any], data: bytes, known: KnownRun, base: str) -> ArchivedRun:
    name = document.get("run")
    sizes = [facts.get("size") for facts in document["artifacts"].values()]
    return ArchivedRun(
        name if isinstance(name, str) and is_run_name(name) else f"{known.key.timestamp}-{known.key.digest[:8]}",
        parse_symbol(document["symbol"]),
        layout.parse_timestamp(known.key.timestamp),
        known,
        data,
        base,
        sum(size for size in sizes if isinstance(size, int) and size > 0),
    )


def _record_in(folder: Path) -> bytes | None:
    """Raises `Broken` for what can't be read."""
    place = folder / layout.RECORD_PLACE
    try:
        parent = open_folder(str(place.parent))
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if not os.path.lexists(place):
            return None
        file = open_regular(parent, place.name)
        try:
            return read_limited(file, MAX_RECORD_BYTES)
        finally:
            file.close()
    except (Rejected, OSError) as error:
        raise Broken(f"{layout.RECORD_PLACE} can't be read: {why(error)}") from error
    finally:
        os.close(parent)


def why(error: Rejected | OSError) -> str:
    """In the words of whoever looks after files, not of producers."""
    if isinstance(error, Rejected):
        return {"missing_artifact": "it is missing", "not_regular": "it is no regular file"}.get(
            error.code, "it may not be read"
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "it is missing"
    return str(error.strerror or error)


def _holds_artifacts(base: Path) -> bool:
    found = (f"{folder}/{name}" for folder in _names(base) for name in _names(base / folder))
    return any(layout.is_fixed_place(path) for path in found)


def _names(folder: Path) -> Iterable[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(os.listdir(folder))
    return ()


def _is_wanted_date(name: str, wanted: Wanted) -> bool:
    try:
        found = date.fromisoformat(name)
    except ValueError:
        return False
    if found.isoformat() != name:
        return False
    return (wanted.since or found) <= found <= (wanted.until or found)


def _is_wanted_symbol(name: str, wanted: Wanted) -> bool:
    try:
        is_one = parse_symbol(name).folder == name
    except ValueError:
        return False
    return is_one and wanted.symbol in (None, name)
