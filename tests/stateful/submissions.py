"""What producers hand over: drafts of runs, the runs themselves, and what became of them as far as is known."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache

from expected_tree import Facts, content_hash_of

from support.runs import Run, make_run

MANIFEST = ".manifest.json"
# Two spellings of one symbol, and another; two days, with a second that two runs can share; a day to come.
SYMBOLS = ("SOL/USDT", "sol-usdt", "BTC/USDT")
MOMENTS = (
    datetime(2025, 11, 12, 8, tzinfo=UTC),
    datetime(2025, 11, 12, 9, tzinfo=UTC),
    datetime(2025, 11, 12, 23, 59, 59, tzinfo=UTC),
    datetime(2025, 11, 13, tzinfo=UTC),
    datetime(2031, 1, 1, 9, tzinfo=UTC),
)
SAMPLES = 4
LARGE = SAMPLES  # the number of a model that takes three pieces
LARGE_BYTES = 9 * 1024 * 1024


@cache
def sample(kind: str, number: int) -> bytes:
    """The same for the same kind and number, so that runs can have files in common."""
    if number == LARGE:
        return random.Random(7).randbytes(LARGE_BYTES)
    return make_run(number).contents[kind]


@cache
def _content_hash(data: bytes) -> str:
    return content_hash_of(data)


@dataclass(frozen=True)
class Draft:
    """`samples` maps a kind to the number of its content."""

    symbol: str
    trained_at: datetime
    samples: Mapping[str, int]

    def run(self, name: str) -> Run:
        contents = {kind: sample(kind, number) for kind, number in self.samples.items()}
        return Run(name, self.symbol, self.trained_at, contents)


@dataclass
class Submission:
    """A run as it was handed over to one host: `files` by name, None for what is no regular file.

    `code` is what it must fail with, if it must; `moved` are then the names that go to `failed/`. `given_up` says
    that its producer or an operator took it back or replaced it: nothing is promised of it any more.
    `confirmed`: its receipt says that it is uploaded.
    """

    host: int
    run: Run
    manifest: bytes
    files: dict[str, bytes | None]
    code: str | None = None
    moved: frozenset[str] = frozenset()
    borrowed: frozenset[str] = frozenset()
    given_up: bool = False
    confirmed: bool = False
    facts: Facts = field(init=False)

    def __post_init__(self) -> None:
        hashes = {kind: _content_hash(data) for kind, data in self.run.contents.items()}
        self.facts = Facts(self.run.symbol, self.run.trained_at, hashes)

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def all_files(self) -> dict[str, bytes | None]:
        return {**self.files, self.name + MANIFEST: self.manifest}

    @property
    def is_live(self) -> bool:
        return not self.given_up and not self.confirmed

    @property
    def is_good(self) -> bool:
        return self.code is None

    @property
    def outcome(self) -> str:
        if self.confirmed:
            return "uploaded"
        return "given up" if self.given_up else "failed as it must" if self.code else "refused"

    def __repr__(self) -> str:
        return f"<{self.name} on {self.host}: {self.facts.digest[:8]}, {self.code or 'good'}>"


def submission(host: int, run: Run, serial: int) -> Submission:
    """`serial` makes its manifest another than any before."""
    run = replace(run, metadata={"serial": serial})
    files: dict[str, bytes | None] = {run.file(kind): data for kind, data in run.contents.items()}
    return Submission(host, run, json.dumps(run.manifest()).encode(), files)


def borrowing(lender: Submission, run: Run, kind: str, serial: int) -> Submission:
    """A run whose file of one kind is the very file of a run that is pending."""
    borrowed = lender.run.file(kind)
    run = replace(run, contents={**run.contents, kind: lender.run.contents[kind]}, metadata={"serial": serial})
    manifest = run.manifest()
    manifest["artifacts"][kind]["file"] = borrowed
    files: dict[str, bytes | None] = {run.file(k): data for k, data in run.contents.items() if k != kind}
    return Submission(lender.host, run, json.dumps(manifest).encode(), files, borrowed=frozenset({borrowed}))
