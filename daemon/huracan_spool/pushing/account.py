"""What the account has already, by as few calls as that takes.

A look at every day's folder would be a call for each. A recursive listing brings some 2,000 entries a call, so one
listing of everything is the cheapest, unless other hosts and years make it longer than it is worth: then each date
is listed by itself, and each symbol's shared candles. Of a listing sixteen bytes are kept for each file: its path
with its content hash, as a digest.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from huracan_spool import layout
from huracan_spool.errors import TryAgain
from huracan_spool.manifest import Kind
from huracan_spool.pushing.archive import ArchivedRun, Day
from huracan_spool.stores.dropbox.api import DropboxApi, RemoteFile
from huracan_spool.stores.dropbox.classify import CursorReset, Missing, NotAFile

_ENTRIES_A_CALL = 2000
# A listing's calls follow each other, those of its parts go side by side.
_CALLS_FOR_A_PART = 0.25
_CALLS_ANYHOW = 5
_PARTS_KEPT = 500
_LISTINGS = 3
_DAY_DEPTH = 4  # names that lead to a day's folder: models/training/{date}/{SYMBOL}


class TooLong(Exception):
    """A listing has more entries than it is worth."""


class Seen:
    """A listing that can only tell whether a file is there, or was there while it was made: nobody deletes files.

    What somebody did delete meanwhile counts as gone, whatever came after. If a file is wrongly taken for absent,
    its run is put, and that looks for itself.
    """

    def __init__(self, root: str, most: float) -> None:
        self._skipped = len(root) + 1
        self._most = most
        self._entries = 0
        self._known: set[bytes] = set()
        self._gone: set[str] = set()

    def take(self, entry: object) -> None:
        """Raises `TooLong`, and `ValueError` for an entry that can't be read."""
        if not isinstance(entry, dict):
            raise ValueError("not an entry of a listing")  # noqa: TRY004 - the input is at fault
        self._entries += 1
        if self._entries > self._most:
            raise TooLong
        if entry.get(".tag") == "file":
            self._note(RemoteFile.from_json(entry))
        elif entry.get(".tag") == "deleted":
            self._gone.add(self._relative(_path_of(entry)))

    def has(self, path: str, content_hash: str) -> bool:
        """`path` is relative to the app folder."""
        path = path.lower()
        return _key(path, content_hash) in self._known and self._gone.isdisjoint(_and_its_folders(path))

    def has_any_of(self, day: Day) -> bool:
        return _key(f"{layout.TRAINING}/{day.name}".lower(), "") in self._known

    def _note(self, file: RemoteFile) -> None:
        path = self._relative(file.path)
        self._known.add(_key(path, file.content_hash or ""))
        *folders, _ = path.split("/")
        if len(folders) >= _DAY_DEPTH:
            self._known.add(_key("/".join(folders[:_DAY_DEPTH]), ""))

    def _relative(self, path: str) -> str:
        return path[self._skipped :].lower()


class Area:
    """A folder, known as a whole if it has `most` entries at most, else by the subfolders that are asked for."""

    def __init__(self, api: DropboxApi, root: str, path: str, most: float) -> None:
        self._api = api
        self._root = root
        self._path = f"{root}/{path}"
        self._most = most
        self._whole: Seen | None = None
        self._parts: dict[str, Seen] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def look(self) -> None:
        """Raises what a listing raises."""
        try:
            self._whole = await self._seen(self._path, self._most)
        except TooLong:
            self._whole = None

    def at_hand(self, name: str) -> Seen | None:
        """What is known of the subfolder `name` without asking anybody."""
        return self._whole if self._whole is not None else self._parts.get(name)

    async def fetch(self, name: str) -> Seen:
        """Raises what a listing raises."""
        async with self._turns[name]:  # several may ask for the same at once
            if (found := self.at_hand(name)) is None:
                found = self._keep(name, await self._seen(f"{self._path}/{name}", float("inf")))
            return found

    def _keep(self, name: str, seen: Seen) -> Seen:
        while len(self._parts) >= _PARTS_KEPT:
            del self._parts[next(iter(self._parts))]
        self._parts[name] = seen
        return seen

    async def _seen(self, path: str, most: float) -> Seen:
        for _ in range(_LISTINGS):
            seen = Seen(self._root, most)
            try:
                await self._list(path, seen)
            except CursorReset:
                continue
            except NotAFile as error:  # an answer to another question
                raise TryAgain(str(error)) from error
            except Missing:
                return Seen(self._root, most)
            return seen
        raise TryAgain(f"{path} changes faster than it can be listed")

    async def _list(self, path: str, seen: Seen) -> None:
        cursor, has_more = None, True
        while has_more:
            page = await self._api.changes(path, cursor)
            cursor, has_more = page.cursor, page.has_more
            try:
                for entry in page.entries:
                    seen.take(entry)
            except ValueError as error:
                raise TryAgain(f"a listing of {path} can't be read: {error}") from error


@dataclass(frozen=True, slots=True)
class There:
    """What the account has of one day's runs."""

    day: Day
    training: Seen
    candles: Seen

    @property
    def is_begun(self) -> bool:
        """Whether there is any file of the day."""
        return self.training.has_any_of(self.day)

    def has(self, run: ArchivedRun) -> bool:
        """Whether every file of the run, its record and its shared candles were listed with its content hash."""
        return any(self._has_at(base, run) for base in run.bases) and self._has_candles(run)

    def _has_at(self, base: str, run: ArchivedRun) -> bool:
        folder = f"{layout.TRAINING}/{self.day.name}/{base}"
        return all(self.training.has(folder + place, hash_) for place, hash_ in run.known.wants.items())

    def _has_candles(self, run: ArchivedRun) -> bool:
        wanted = run.wants.get(Kind.CANDLES)
        return wanted is None or any(
            self.candles.has(layout.shared_candles(run.symbol, run.trained_at, digest), wanted)
            for digest in (None, run.known.key.digest)
        )


class Account:
    """Below the app folder; `dates` and `symbols` are how many of them the archive has."""

    def __init__(self, api: DropboxApi, app_folder: str, dates: int, symbols: int) -> None:
        root = f"/{app_folder}".rstrip("/")
        self._training = Area(api, root, layout.TRAINING, worth_listing(dates))
        self._candles = Area(api, root, layout.SHARED_CANDLES, worth_listing(symbols))

    async def look(self) -> None:
        """Once, before anything else. Raises what a listing raises."""
        await self._training.look()
        await self._candles.look()

    def at_hand(self, day: Day) -> There | None:
        """Without asking anybody, if that is enough."""
        training, candles = self._training.at_hand(day.date), self._candles.at_hand(day.symbol)
        return There(day, training, candles) if training is not None and candles is not None else None

    async def fetch(self, day: Day) -> There:
        """Raises what a listing raises."""
        return There(day, await self._training.fetch(day.date), await self._candles.fetch(day.symbol))


def _path_of(deleted: dict[str, Any]) -> str:
    path = deleted.get("path_lower")
    if not isinstance(path, str):
        raise ValueError("something was deleted, and there is no path that says what")  # noqa: TRY004
    return path


def worth_listing(parts: int) -> float:
    """The entries of a folder up to which one listing is better than one for each of so many parts."""
    return _ENTRIES_A_CALL * max(_CALLS_ANYHOW, parts * _CALLS_FOR_A_PART)


def _key(path: str, content_hash: str) -> bytes:
    return hashlib.sha256(f"{path}\0{content_hash}".encode()).digest()[:16]


def _and_its_folders(path: str) -> Iterator[str]:
    yield path
    while path:
        path = path.rpartition("/")[0]
        yield path
