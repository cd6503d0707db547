"""Where everything lies in the store; the only file that spells a remote path.

Paths here are relative to the app folder, without a leading slash. A run's *places* are relative to its
day folder, `models/training/{date}/{SYMBOL}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from huracan_spool.manifest import Kind, Symbol

TRAINING = "models/training"
SHARED_CANDLES = "data/candles"
RECORD_PLACE = "model/model_metadata.json"
UNKNOWN_PREFIX = "superseded/unknown-"

_PLACES = {
    Kind.MODEL: "model/model.bin",
    Kind.METRICS: "metrics/training_metrics.json",
    Kind.FEATURES: "features/features.json",
    Kind.TRADES: "results/trades.csv",
}
_KINDS = {place: kind for kind, place in _PLACES.items()}

_DAY = re.compile(r"models/training/([0-9]{4}-[0-9]{2}-[0-9]{2})/([A-Z0-9]+(?:-[A-Z0-9]+)*)/(.+)", re.DOTALL)
_SUPERSEDED = re.compile(r"superseded/([0-9]{8}_[0-9]{6})-([0-9a-f]{8})/(.+)", re.DOTALL)
_CANDLES = re.compile(r"data/([A-Z0-9]+(?:_[A-Z0-9]+)*)_([0-9]{8}_[0-9]{6})_candles\.parquet")
_SHARED = re.compile(
    r"data/candles/([A-Z0-9]+(?:-[A-Z0-9]+)*)/([A-Z0-9_]+)_([0-9]{8}_[0-9]{6})_candles(?:-([0-9a-f]{8}))?\.parquet"
)
_LOWER_SHARED = re.compile(r"([a-z0-9_]+)(_[0-9]{8}_[0-9]{6}_candles(?:-[0-9a-f]{8})?\.parquet)")


def timestamp(moment: datetime) -> str:
    """`20251112_164920`; sorts like the time itself. (strftime's %Y does not pad early years.)"""
    return f"{moment.year:04d}{moment:%m%d_%H%M%S}"


def parse_timestamp(text: str) -> datetime:
    """Raises `ValueError`."""
    parts = (int(text[at:to]) for at, to in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15)))
    year, month, day, hour, minute, second = parts
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def day_folder(symbol: Symbol, trained_at: datetime) -> str:
    return f"{TRAINING}/{trained_at.date().isoformat()}/{symbol.folder}"


def place(kind: Kind, symbol: Symbol, trained_at: datetime) -> str:
    """Where a run's artifact lies while the run is the latest of its day."""
    if kind is Kind.CANDLES:
        return f"data/{symbol.prefix}_{timestamp(trained_at)}_candles.parquet"
    return _PLACES[kind]


def place_of(kind: Kind) -> str:
    """The place of a kind that has the same one in every run: all but the candles."""
    return _PLACES[kind]


def superseded_folder(trained_at: str, digest: str) -> str:
    """Where an earlier run of the day lies; `trained_at` is a timestamp."""
    return f"superseded/{trained_at}-{digest[:8]}/"


def unknown_place(content_hash: str, found_at: str, copy: int = 1) -> str:
    """Where content that no record names is put when it is in the way; the same content may come again."""
    return f"{UNKNOWN_PREFIX}{content_hash[:8]}/{f'{copy}/' if copy > 1 else ''}{found_at}"


def is_fixed_place(path: str) -> bool:
    """True for the places of a latest run."""
    return path in _KINDS or path == RECORD_PLACE or _CANDLES.fullmatch(path) is not None


def is_record(path: str) -> bool:
    """True for a place where a run's record may lie."""
    return path == RECORD_PLACE or (path.startswith("superseded/") and path.endswith("/" + RECORD_PLACE))


def canonical(path: str) -> str:
    """A place as this module spells it, whatever case Dropbox shows it in: its names ignore case."""
    lower = path.lower()
    candles = re.fullmatch(r"(.*/)?data/([a-z0-9_]+)(_[0-9]{8}_[0-9]{6}_candles\.parquet)", lower)
    return f"{candles[1] or ''}data/{candles[2].upper()}{candles[3]}" if candles else lower


def restored(lower: str) -> str:
    """A path in the tree as this module spells it, from its lower-case form; a stranger's path stays lower."""
    parts = lower.split("/", 4)
    match parts:
        case ["models", "training", day, symbol, rest]:
            return f"models/training/{day}/{symbol.upper()}/{canonical(rest)}"
        case ["data", "candles", symbol, file]:
            if shared := _LOWER_SHARED.fullmatch(file):
                return f"data/candles/{symbol.upper()}/{shared[1].upper()}{shared[2]}"
    return lower


def shared_candles(symbol: Symbol, trained_at: datetime, digest: str | None = None) -> str:
    """The shared copy; with `digest`, the name for when the plain one holds other content."""
    suffix = f"-{digest[:8]}" if digest else ""
    return f"{SHARED_CANDLES}/{symbol.folder}/{symbol.prefix}_{timestamp(trained_at)}_candles{suffix}.parquet"


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A path of the tree, taken apart.

    `kind` is None for the record. `trained_at` is known for candles and superseded runs only, `digest8`
    for superseded runs and renamed shared candles.
    """

    symbol_folder: str
    kind: Kind | None
    date: date | None = None
    trained_at: datetime | None = None
    digest8: str | None = None
    shared: bool = False


def parse_path(path: str) -> RemotePath | None:
    """The parts of a path that this module made; None for any other."""
    try:
        return _parse_shared(path) or _parse_day(path)
    except ValueError:  # digits that are no date
        return None


def _parse_shared(path: str) -> RemotePath | None:
    match = _SHARED.fullmatch(path)
    if match is None or match[1].replace("-", "_") != match[2]:
        return None
    return RemotePath(match[1], Kind.CANDLES, None, parse_timestamp(match[3]), match[4], shared=True)


def _parse_day(path: str) -> RemotePath | None:
    match = _DAY.fullmatch(path)
    if match is None:
        return None
    day, folder, rest = date.fromisoformat(match[1]), match[2], match[3]
    trained_at = digest8 = None
    if old := _SUPERSEDED.fullmatch(rest):
        trained_at, digest8, rest = parse_timestamp(old[1]), old[2], old[3]
    if candles := _CANDLES.fullmatch(rest):
        moment = parse_timestamp(candles[2])
        fits = candles[1] == folder.replace("-", "_") and moment.date() == day and trained_at in (None, moment)
        return RemotePath(folder, Kind.CANDLES, day, moment, digest8) if fits else None
    if trained_at is not None and trained_at.date() != day:
        return None
    if rest == RECORD_PLACE or rest in _KINDS:
        return RemotePath(folder, _KINDS.get(rest), day, trained_at, digest8)
    return None
