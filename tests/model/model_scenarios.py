"""The situations worth exploring: who has which run, and what lies in the folder before anybody comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from huracan_spool import layout
from huracan_spool.manifest import Kind, Symbol
from huracan_spool.record import KnownRun, RunKey

MODEL, METRICS, FEATURES, CANDLES = Kind.MODEL, Kind.METRICS, Kind.FEATURES, Kind.CANDLES
_SYMBOL = Symbol("SOL/USDT")


@dataclass(frozen=True)
class Scenario:
    """One host for each of `runs`; `there` maps paths to content.

    `late_commits` are sent by a host that gave up waiting for them and looked long ago.
    """

    name: str
    runs: tuple[KnownRun, ...]
    there: Mapping[str, str] = field(default_factory=dict)
    late_commits: tuple[KnownRun, ...] = ()


def place(kind: Kind, hour: int) -> str:
    return layout.place(kind, _SYMBOL, _trained_at(hour))


def run(name: str, hour: int, *kinds: Kind, record: str | None = None, **contents: str) -> KnownRun:
    """A run trained at `hour`. Its contents are called after it, unless `contents` names one by its kind."""
    wants = {place(kind, hour): contents.get(kind, f"{name}-{kind}") for kind in kinds}
    key = RunKey(layout.timestamp(_trained_at(hour)), name.lower() * 64)
    return KnownRun(key, {layout.RECORD_PLACE: record or f"{name}-record"} | wants)


def own_folder(known: KnownRun) -> str:
    return layout.superseded_folder(known.key.timestamp, known.key.digest)


def _trained_at(hour: int) -> datetime:
    return datetime(2025, 11, 12, hour, tzinfo=UTC)


_METRICS_AT, _CANDLES_AT = place(METRICS, 1), place(CANDLES, 1)
_TWO = (METRICS, FEATURES)
_A, _B, _C = run("A", 1, *_TWO), run("B", 2, *_TWO), run("C", 3, *_TWO)
_A1, _B1, _C1 = run("A", 1, METRICS), run("B", 2, METRICS), run("C", 3, METRICS)

TWO_HOSTS = (
    Scenario("all different", (_A, _B)),
    Scenario("candles", (run("A", 1, METRICS, CANDLES), run("B", 2, METRICS, CANDLES))),
    Scenario("the later has fewer kinds", (_A, _B1)),
    Scenario("the earlier has fewer kinds", (_A1, _B)),
    Scenario("other kinds", (run("A", 1, METRICS, CANDLES), run("B", 2, MODEL))),
    Scenario("only a record", (run("A", 1), _B)),
    Scenario("same features", (run("A", 1, *_TWO, features="X"), run("B", 2, *_TWO, features="X"))),
    Scenario(
        "all files the same",
        (run("A", 1, *_TWO, metrics="Y", features="X"), run("B", 2, *_TWO, metrics="Y", features="X")),
    ),
    Scenario(
        "metrics of A are features of B",
        (run("A", 1, *_TWO, metrics="X"), run("B", 2, *_TWO, features="X")),
    ),
    Scenario(
        "each one's metrics are the other's features",
        (run("A", 1, *_TWO, metrics="X", features="Y"), run("B", 2, *_TWO, metrics="Y", features="X")),
    ),
    Scenario("metrics are features", (run("A", 1, *_TWO, metrics="X", features="X"), _B1)),
    Scenario("same second", (run("A", 1, METRICS, CANDLES), run("B", 1, CANDLES))),
    Scenario("one run on two hosts", (_A, run("A", 1, *_TWO, record="other record"))),
    Scenario("stranger's metrics", (_A, _B1), {_METRICS_AT: "stranger"}),
    Scenario("stranger's record", (_A1, _B), {layout.RECORD_PLACE: "foreign"}),
    Scenario(
        "stranger's candles",
        (run("A", 1, CANDLES), _B1),
        {_CANDLES_AT: "stranger", place(CANDLES, 5): "other"},
    ),
    Scenario("stranger has our content elsewhere", (_A, _B1), {place(FEATURES, 1): "A-metrics"}),
    Scenario(
        "stranger in a superseded folder",
        (_A1, _B1),
        {own_folder(_A1) + _METRICS_AT: "stranger", own_folder(_A1) + layout.RECORD_PLACE: "foreign"},
    ),
    Scenario(
        "stranger in the latest's superseded folder",
        (_A1, _B1),
        {own_folder(_B1) + _METRICS_AT: "stranger", own_folder(_B1) + layout.RECORD_PLACE: "foreign"},
    ),
)

THREE_HOSTS = (
    Scenario("same features", tuple(run("ABC"[n], n + 1, FEATURES, features="X") for n in range(3))),
    Scenario(
        "features that the third lacks",
        (run("A", 1, FEATURES, features="X"), run("B", 2, FEATURES, features="X"), run("C", 3)),
    ),
    Scenario("one run on three hosts", tuple(run("A", 1, METRICS, record=f"{n}. record") for n in (1, 2, 3))),
    Scenario("one run on two hosts", (_A1, run("A", 1, METRICS, record="other record"), _B1)),
    Scenario("other kinds", (_A1, run("B", 2, MODEL), run("C", 3, FEATURES))),
    Scenario("all different", (_A1, _B1, _C1)),
    Scenario("candles", (run("A", 1, CANDLES), run("B", 2, CANDLES), run("C", 3, CANDLES))),
    Scenario("same second", (_A1, run("B", 1, METRICS), _C1)),
    Scenario(
        "metrics of A are features of B",
        (run("A", 1, METRICS, metrics="X"), run("B", 2, FEATURES, features="X"), _C1),
    ),
    Scenario("stranger's metrics", (_A1, _B1, _C1), {_METRICS_AT: "stranger"}),
    Scenario("stranger's record", (_A1, _B1, _C1), {layout.RECORD_PLACE: "foreign"}),
    Scenario("fewer kinds", (_A, _B1, run("C", 3, MODEL))),
    Scenario("two kinds", (_A, _B, _C)),
)

LATE = (
    Scenario("late commit, same kinds", (_A1, _B1), late_commits=(_A1,)),
    Scenario("late commit, other kinds", (_A1, run("B", 2, MODEL)), late_commits=(_A1,)),
)
