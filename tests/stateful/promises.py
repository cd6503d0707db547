"""What the contract promises at any time, as questions to a world that stands still."""

from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from expected_tree import RECORD, Facts, Seen, Stranger, content_hash_of
from submissions import MANIFEST, Submission
from world import HOSTS, World

from huracan_spool.codes import Code

REASONS = ("reason.json", ".reason.json")


@dataclass(frozen=True)
class FailedFolder:
    """A folder below `failed/`, whose reason may still be about to get its name."""

    path: Path
    names: frozenset[str]
    reason: Mapping[str, Any]

    @property
    def is_finished(self) -> bool:
        return REASONS[0] in self.names

    def holds(self, name: str, data: bytes | None) -> bool:
        return name in self.names and _is(self.path / name, data)


@dataclass(frozen=True)
class Archived:
    """A file of a local archive, as `Seen`."""

    path: Path

    @property
    def content_hash(self) -> str:
        status = self.path.stat()
        return _hash_of(self.path, status.st_ino, status.st_mtime_ns)

    def read(self) -> bytes:
        return self.path.read_bytes()


@lru_cache(10_000)
def _hash_of(path: Path, _inode: int, _mtime_ns: int) -> str:
    return content_hash_of(path.read_bytes())


def _is(path: Path, data: bytes | None) -> bool:
    """Whether these very bytes are there; None stands for whatever is no regular file."""
    if data is None:
        return os.path.lexists(path)
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def failed_folders(spool: Path) -> list[FailedFolder]:
    found = []
    for name in sorted(os.listdir(spool / "failed")):
        path = spool / "failed" / name
        names = frozenset(os.listdir(path))
        reason = next((path / each for each in REASONS if each in names), None)
        found.append(FailedFolder(path, names, json.loads(reason.read_bytes()) if reason else {}))
    return found


def trees(world: World) -> list[Mapping[str, Seen]]:
    """What is stored: one tree for all hosts, or one for each."""
    if not world.variant.archive:
        return [world.emulator.tree()]
    return [_archive(station.site.archive) for station in world.stations]


def _archive(root: Path) -> dict[str, Seen]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and ".incoming" not in path.parts)
    return {f"/{root.name}/{path.relative_to(root).as_posix()}": Archived(path) for path in files}


def hosts_of(world: World, tree: int) -> list[int]:
    return [tree] if world.variant.archive else list(range(HOSTS))


class Watch:
    """Looks at the world after every step and remembers what it saw: what was promised once stays promised."""

    def __init__(self, world: World, submissions: list[Submission]) -> None:
        self._world = world
        self._submissions = submissions
        self._lines_read: Counter[tuple[int, int]] = Counter()
        self._writes_read = 0
        self._stored: list[Counter[tuple[str, str]]] = [Counter() for _ in range(HOSTS)]
        self.receipts: dict[tuple[int, str], Mapping[str, Any]] = {}
        self.strangers: list[Stranger] = []
        self.orphans: list[tuple[Path, bytes]] = []  # what no manifest names
        self.may_refuse = False
        self.batches_may_break = False

    def look(self) -> list[str]:
        """All that is promised at any time."""
        seen = trees(self._world)
        failed = [failed_folders(self._world.spool(number)) for number in range(HOSTS)]
        self._read_receipts()
        return [
            *self._deaths(),
            *self._log_lines(),
            *self._forbidden_writes(),
            *(wrong for number, tree in enumerate(seen) for wrong in self._vanished(number, tree)),
            *(wrong for number, tree in enumerate(seen) for wrong in self._unproven(number, tree)),
            *self._half_visible(seen),
            *(wrong for each in self._submissions if each.is_live for wrong in self._lost(each, failed[each.host])),
            *self._wrongly_failed(failed),
            *(f"{path} was touched" for path, data in self.orphans if not _is(path, data)),
        ]

    # -- what was seen

    def _read_receipts(self) -> None:
        for number in range(HOSTS):
            folder = self._world.spool(number) / "receipts"
            for name in os.listdir(folder):
                if not name.startswith("."):
                    receipt = json.loads((folder / name).read_bytes())
                    self.receipts[number, receipt["run"]] = receipt
        for each in self._submissions:
            receipt = self.receipts.get((each.host, each.name), {})
            if receipt.get("status") == "uploaded" and receipt["manifest_sha256"] == _sha256(each.manifest):
                each.confirmed = True

    # -- what must never happen

    def _deaths(self) -> Iterator[str]:
        for number, station in enumerate(self._world.stations):
            if station.died_of is not None:
                yield f"the daemon of host {number} died of {_told(station.died_of)}"

    def _log_lines(self) -> Iterator[str]:
        for number, station in enumerate(self._world.stations):
            for life, book in enumerate(station.books):
                new = book[self._lines_read[number, life] :]
                self._lines_read[number, life] = len(book)
                for line in new:
                    if line["event"] in _NEVER_SAID or "exc_info" in line:
                        yield f"host {number} says {line['event']} of {line.get('run')}: {str(line)[-1500:]}"

    def _forbidden_writes(self) -> Iterator[str]:
        writes = self._world.emulator.writes
        new, self._writes_read = writes[self._writes_read :], len(writes)
        for write in new:
            if write.op in {"overwrite", "delete"}:
                yield f"{write.op} of {write.path}"

    def _vanished(self, number: int, tree: Mapping[str, Seen]) -> Iterator[str]:
        """Nothing that was stored for a symbol and date ever goes away, wherever it is moved."""
        now = Counter((_part(path), seen.content_hash) for path, seen in tree.items())
        yield from (f"gone from the store: {gone}" for gone in self._stored[number] - now)
        self._stored[number] = now

    def _unproven(self, number: int, tree: Mapping[str, Seen]) -> Iterator[str]:
        there = {(_part(path), seen.content_hash) for path, seen in tree.items()}
        hosts = hosts_of(self._world, number)
        for each in self._submissions:
            if each.confirmed and each.host in hosts:
                if not each.is_good:
                    yield f"{each} was uploaded"
                for kind, content_hash in each.facts.hashes.items():
                    if (f"/Huracan/{each.facts.day}", content_hash) not in there:
                        yield f"the receipt of {each} promises its {kind}, which is not in the store"

    def _half_visible(self, seen: list[Mapping[str, Seen]]) -> Iterator[str]:
        """A day's only run is visible whole or not at all, unless a batch may fail in part."""
        if self._world.variant.archive or self.batches_may_break:
            return
        of_day: dict[str, dict[str, Facts]] = {}
        for each in self._submissions:
            if each.is_good:
                of_day.setdefault(each.facts.day, {})[each.facts.digest] = each.facts
        disturbed = {path.removeprefix("/Huracan/").rsplit("/", 2)[0] for path, _ in self.strangers}
        for day, facts in of_day.items():
            if len(facts) == 1 and day not in disturbed:
                [run] = facts.values()
                places = {f"/Huracan/{day}/{run.place(kind)}" for kind in run.hashes}
                places.add(f"/Huracan/{day}/{RECORD}")
                there = {path for path in seen[0] if path.startswith(f"/Huracan/{day}/") and "unknown" not in path}
                if there and not places <= there:
                    yield f"half a run is visible: {sorted(there)} of {sorted(places)}"

    def _lost(self, each: Submission, failed: list[FailedFolder]) -> Iterator[str]:
        """Until it is confirmed, every file is in the spool or below `failed/`, as it was handed over."""
        spool = self._world.spool(each.host)
        for name, data in each.all_files.items():
            if name in self._lent(each) or _is(spool / name, data):
                continue
            if not any(folder.holds(name, data) for folder in failed):
                yield f"{name} of {each} is neither in the spool nor below failed/"

    def _lent(self, each: Submission) -> frozenset[str]:
        """Names that another run of the host has as well: who of them has the file is the other's question."""
        return frozenset(
            name
            for other in self._submissions
            if other is not each and other.host == each.host
            for name in other.borrowed
        )

    def _wrongly_failed(self, failed: list[list[FailedFolder]]) -> Iterator[str]:
        for number, folders in enumerate(failed):
            for folder in folders:
                each = self.failed_in(number, folder)
                if each is not None and not self._may_fail(each, folder.reason.get("code")):
                    yield f"{each} failed: {folder.reason.get('code')}: {folder.reason.get('reason')}"

    def failed_in(self, host: int, folder: FailedFolder) -> Submission | None:
        """Whose folder it is; None when nothing is promised of that run any more."""
        for each in self._submissions:
            if each.host == host and not each.given_up and folder.holds(each.name + MANIFEST, each.manifest):
                return each
        return None

    def failed_as(self, host: int, folder: str) -> Submission | None:
        found = failed_folders(self._world.spool(host))
        return next((self.failed_in(host, each) for each in found if each.path.name == folder), None)

    def _may_fail(self, each: Submission, code: str | None) -> bool:
        if each.code is not None:
            return code == each.code
        return self.may_refuse and code == Code.REFUSED_BY_STORE


_NEVER_SAID = {
    "internal_error",
    "leftovers_not_explained",
    "rescan_failed",
    "spool_replaced",
    "spool_gone",
    "housekeeping_failed",
    "work_is_stuck",
    "model_not_kept",
}


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _part(path: str) -> str:
    """The folder of a symbol and date, or that of a symbol's shared candles."""
    depth = 6 if path.startswith("/Huracan/models/") else 5
    return "/".join(path.split("/")[:depth])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
