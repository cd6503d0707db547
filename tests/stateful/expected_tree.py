"""The tree that a set of runs must give, worked out from the contract alone: nothing of the package is used.

The runs are a set: neither their order, nor their hosts, nor what happened on the way has a part in it. Only
two things are left to chance, and the contract says so: whose record it is when one run was handed over twice,
and which of two runs of one second has the plain name for its shared candles.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

ROOT = "/Huracan"
RECORD = "model/model_metadata.json"
UNKNOWN = re.compile(r"/superseded/unknown-([0-9a-f]{8})/")
_BLOCK = 4 * 1024 * 1024
_PLACES = {
    "model": "model/model.bin",
    "metrics": "metrics/training_metrics.json",
    "features": "features/features.json",
    "trades": "results/trades.csv",
}


Stranger = tuple[str, str]  # the path where somebody put it, and its content hash


class Seen(Protocol):
    """A file in the store."""

    @property
    def content_hash(self) -> str: ...

    def read(self) -> bytes: ...


def content_hash_of(data: bytes) -> str:
    blocks = (data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
    return hashlib.sha256(b"".join(hashlib.sha256(block).digest() for block in blocks)).hexdigest()


@dataclass(frozen=True)
class Facts:
    """What a run is. `hashes` are content hashes by kind; `trained_at` is UTC, in whole seconds."""

    symbol: str
    trained_at: datetime
    hashes: Mapping[str, str]

    @cached_property
    def folder(self) -> str:
        return "-".join(part for part in re.split("[/_:-]", self.symbol.upper()))

    @cached_property
    def stamp(self) -> str:
        return f"{self.trained_at:%Y%m%d_%H%M%S}"

    @cached_property
    def day(self) -> str:
        return f"models/training/{self.trained_at:%Y-%m-%d}/{self.folder}"

    @cached_property
    def digest(self) -> str:
        lines = [f"symbol:{self.folder}", f"trained_at:{self.stamp}"]
        lines += [f"{kind}:{content_hash}" for kind, content_hash in self.hashes.items()]
        return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()

    @cached_property
    def superseded(self) -> str:
        return f"superseded/{self.stamp}-{self.digest[:8]}/"

    def place(self, kind: str) -> str:
        return _PLACES[kind] if kind != "candles" else f"data/{self._candles}.parquet"

    def shared(self, *, plain: bool) -> str:
        suffix = "" if plain else f"-{self.digest[:8]}"
        return f"{ROOT}/data/candles/{self.folder}/{self._candles}{suffix}.parquet"

    @property
    def _candles(self) -> str:
        return f"{self.folder.replace('-', '_')}_{self.stamp}_candles"


@dataclass
class Expected:
    """`files` by path to content hash, `records` by path to the run; the shared candles are judged apart."""

    files: dict[str, str]
    records: dict[str, Facts]


def expected_tree(runs: Iterable[Facts]) -> Expected:
    days: defaultdict[str, dict[str, Facts]] = defaultdict(dict)
    for run in runs:
        days[run.day][run.digest] = run
    tree = Expected({}, {})
    for day, of_day in days.items():
        latest = max(of_day.values(), key=lambda run: (run.stamp, run.digest))
        for run in of_day.values():
            old = "" if run is latest else run.superseded
            tree.records[f"{ROOT}/{day}/{old}{RECORD}"] = run
            for kind, content_hash in run.hashes.items():
                tree.files[f"{ROOT}/{day}/{old}{run.place(kind)}"] = content_hash
    return tree


def differences(
    tree: Mapping[str, Seen],
    runs: Collection[Facts],
    halves: Collection[Facts] = (),
    recorded: Collection[str] = (),
    strangers: Collection[Stranger] = (),
) -> list[str]:
    """What is wrong with a tree in which exactly these runs should lie.

    `halves` are runs that were given up when some of their files may have been there already. Those whose digest
    is `recorded` have their places like any other run; their files may be missing. Below `superseded/unknown-…`
    there may be surplus copies of what all these runs name, their records, and the `strangers` that somebody else
    put into the account.
    """
    known = [*runs, *(run for run in halves if run.digest in recorded)]
    expected, whole = expected_tree(known), {run.digest for run in runs}
    may_lack = {
        f"{ROOT}/{run.day}/{old}{run.place(kind)}"
        for run in known
        if run.digest not in whole
        for old in ("", run.superseded)
        for kind in run.hashes
    }
    missing = [path for path in expected.files if path not in tree and path not in may_lack]
    found = [f"missing: {path}" for path in missing if not _taken_over(path, expected.files, tree, may_lack)]
    found += [f"missing: {path}" for path in expected.records if path not in tree]
    for path, seen in tree.items():
        if path in expected.files:
            if seen.content_hash != expected.files[path]:
                found.append(f"other content: {path}")
        elif path in expected.records:
            found += _wrong_record(path, seen.read(), expected.records[path])
        elif not path.startswith(f"{ROOT}/data/candles/"):
            found += _unwanted(path, seen, [*runs, *halves], recorded, strangers)
    return found + list(_wrong_candles(tree, runs, halves, strangers))


def _taken_over(
    path: str, expected: Mapping[str, str], tree: Mapping[str, Seen], may_lack: Collection[str]
) -> bool:
    """Whether a run that was given up has this file: of the same content, and nobody came to add another."""
    day, _, _ = path.partition("/superseded/")
    same = (each for each in may_lack if each.startswith(f"{day}/") and expected.get(each) == expected[path])
    return any(each in tree for each in same)


def _unwanted(
    path: str, seen: Seen, runs: Collection[Facts], recorded: Collection[str], strangers: Collection[Stranger]
) -> Iterator[str]:
    """Of a file that has no place: whether it may lie about there."""
    if UNKNOWN.search(path):
        named = {value for run in runs for value in run.hashes.values()} | {
            content_hash for _, content_hash in strangers
        }
        if seen.content_hash not in named and not _tells_of(seen.read(), runs):
            yield f"nobody brought this: {path}"
        return
    own = (f"{ROOT}/{run.day}/{run.superseded}" for run in runs if run.digest not in recorded)
    if not path.startswith(tuple(own)):  # the folder of a run that nobody knows of
        yield f"nobody wants this: {path}"


def _wrong_record(path: str, data: bytes, run: Facts) -> Iterator[str]:
    document: dict[str, Any] = json.loads(data)
    artifacts = {kind: (facts["path"], facts["content_hash"]) for kind, facts in document["artifacts"].items()}
    told = (document["digest"], document["date"], artifacts)
    true = (run.digest, f"{run.trained_at:%Y-%m-%d}", {k: (run.place(k), h) for k, h in run.hashes.items()})
    if told != true:
        yield f"a false record at {path}: {told}, not {true}"
    if (document["model"] or {}).get("content_hash") != run.hashes.get("model"):
        yield f"a false model in the record at {path}"


def _tells_of(data: bytes, runs: Iterable[Facts]) -> bool:
    """Whether it is the second record of a run, of another host or under another name."""
    try:
        digest = json.loads(data)["digest"]
    except (ValueError, TypeError, KeyError):
        return False
    return any(run.digest == digest for run in runs)


def _wrong_candles(
    tree: Mapping[str, Seen], runs: Collection[Facts], halves: Collection[Facts], strangers: Collection[Stranger]
) -> Iterator[str]:
    """Every run's candles lie under the plain name or its own, and nothing else does."""
    for run in runs:
        if "candles" in run.hashes:
            yield from _not_shared(tree, run)
    allowed = set(strangers)
    for run in (*runs, *halves):
        allowed |= {(run.shared(plain=plain), run.hashes.get("candles", "")) for plain in (True, False)}
    for path, seen in tree.items():
        if path.startswith(f"{ROOT}/data/candles/") and (path, seen.content_hash) not in allowed:
            yield f"no run has these candles: {path}"


def _not_shared(tree: Mapping[str, Seen], run: Facts) -> Iterator[str]:
    names = run.shared(plain=True), run.shared(plain=False)
    if names[0] not in tree:
        yield f"missing: {names[0]}"
    if not any(name in tree and tree[name].content_hash == run.hashes["candles"] for name in names):
        yield f"the shared candles of {run.digest[:8]} are not at {names}"
