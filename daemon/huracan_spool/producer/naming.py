"""Names of runs and of their files in the spool, and the time a run is known by. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from huracan_spool.manifest import Kind, parse_symbol, parse_trained_at

MAX_RUNS_OF_A_SECOND = 100
_SUFFIX = r"\.[A-Za-z0-9]{1,16}"
_SUFFIXES = {
    Kind.MODEL: ".pt",
    Kind.METRICS: ".json",
    Kind.FEATURES: ".json",
    Kind.CANDLES: ".parquet",
    Kind.TRADES: ".csv",
}


def time_text(trained_at: datetime | str | None) -> str:
    """RFC 3339 in UTC; now for None. A time without zone is UTC, as in manifests. Raises `ValueError`."""
    if trained_at is None:
        moment = datetime.now(UTC)
    elif isinstance(trained_at, str):
        moment = parse_trained_at(trained_at)
    elif isinstance(trained_at, datetime):
        moment = trained_at.replace(tzinfo=UTC) if trained_at.tzinfo is None else trained_at.astimezone(UTC)
    else:
        raise ValueError("trained_at: expected a datetime or a text such as 2025-11-12T16:49:20Z")
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%SZ}"


def run_name(symbol: str, trained_at: str) -> str:
    """`SOL_USDT_20251112_164920`. Raises `ValueError`."""
    moment = parse_trained_at(trained_at)
    return f"{parse_symbol(symbol).prefix[:100]}_{moment.year:04d}{moment:%m%d_%H%M%S}"


def candidates(run: str) -> Iterator[str]:
    """Names for a run, in the order in which they are tried."""
    yield run
    yield from (f"{run}-{number}" for number in range(2, MAX_RUNS_OF_A_SECOND + 1))


def suffix_of(kind: Kind, path: Path | None = None) -> str:
    """The file's own suffix, if it is a plain one."""
    suffix = "" if path is None else path.suffix
    return suffix if re.fullmatch(_SUFFIX, suffix) else _SUFFIXES[kind]


def file_names(run: str, files: Mapping[Kind, Path]) -> dict[Kind, str]:
    """How the files are called in the spool.

    One that already carries the run's name, such as `rl_agent_SOL_USDT_20251112_164920.pt`, keeps its own.
    """
    own = {kind: _own_name(run, kind, path) for kind, path in files.items()}
    if len(set(own.values())) == len(own):
        return own
    return {kind: _plain_name(run, kind, path) for kind, path in files.items()}


def _own_name(run: str, kind: Kind, path: Path) -> str:
    stem = path.name.removesuffix(path.suffix)
    if run in stem and re.fullmatch(r"[A-Za-z0-9_-]{1,200}", stem):
        return stem + suffix_of(kind, path)
    return _plain_name(run, kind, path)


def _plain_name(run: str, kind: Kind, path: Path) -> str:
    return f"{run}_{kind}{suffix_of(kind, path)}"
