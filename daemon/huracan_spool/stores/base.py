"""What every store promises; Dropbox and the local archive differ only in how.

`put` makes a run visible under its places and returns when every byte of it is proven to be there. It may be
repeated at any time, after any failure, on any host, and then ends the same: what is already there is found,
nothing is overwritten, nothing stands twice. Concurrent calls for runs of the same symbol and date are the
caller's to avoid; other hosts may do them all the same.

Raised: the families of `huracan_spool.errors`. Whatever is raised, the run is as safe as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from huracan_spool import layout
from huracan_spool.content_hash import Fingerprint
from huracan_spool.manifest import Kind, Symbol
from huracan_spool.record import KnownRun, RunKey
from huracan_spool.standing import StoreFacts


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes to store: an open file's descriptor, or the bytes themselves; and what they hash to."""

    source: int | bytes
    fingerprint: Fingerprint

    @property
    def content_hash(self) -> str:
        return self.fingerprint.content_hash


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run ready to be stored. `tried_before` is a hint: an earlier attempt may have got somewhere."""

    run: str
    symbol: Symbol
    trained_at: datetime
    digest: str
    artifacts: Mapping[Kind, Content]
    record: Content
    tried_before: bool

    @property
    def key(self) -> RunKey:
        return RunKey(layout.timestamp(self.trained_at), self.digest)

    @property
    def day_folder(self) -> str:
        return layout.day_folder(self.symbol, self.trained_at)

    def place(self, kind: Kind) -> str:
        return layout.place(kind, self.symbol, self.trained_at)

    def as_known(self) -> KnownRun:
        wants = {self.place(kind): content.content_hash for kind, content in self.artifacts.items()}
        return KnownRun(self.key, {layout.RECORD_PLACE: self.record.content_hash} | wants)

    def by_hash(self) -> dict[str, Content]:
        contents = (self.record, *self.artifacts.values())
        return {content.content_hash: content for content in contents}

    def shared_candles(self) -> tuple[str, str]:
        """The names for the shared copy, relative to the app folder: the plain one, and the other."""
        plain = layout.shared_candles(self.symbol, self.trained_at)
        return plain, layout.shared_candles(self.symbol, self.trained_at, self.digest)


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a run lies now; `paths` as the store's own clients spell them. `bytes_sent` counts repeats."""

    superseded: bool
    paths: Mapping[Kind, tuple[str, ...]]
    bytes_sent: int


class Store(Protocol):
    name: str

    async def put(self, run: PlannedRun) -> Stored: ...

    async def bring(self, digest: str, artifacts: Mapping[Kind, Content]) -> None:
        """Have the bytes of a run near already, if nobody else has need of the line: `put` may follow or not.

        Nothing becomes visible. Raises nothing but `CancelledError`: what fails, `put` will meet again.
        """
        ...

    async def warm_up(self) -> None:
        """Get ready while nothing is pending. Raises `StoreError`, which need not worry anybody."""
        ...

    async def probe(self) -> None:
        """The cheapest question that shows whether the store can be used. Raises what `put` would."""
        ...

    def facts(self) -> StoreFacts:
        """What is known of the store without asking anybody."""
        ...


def stored_paths(
    run: PlannedRun, root: str, shared: str | None, *, superseded: bool
) -> dict[Kind, tuple[str, ...]]:
    """The full paths of a settled run below `root` (without a slash at its end)."""
    folder = layout.superseded_folder(run.key.timestamp, run.digest) if superseded else ""
    paths: dict[Kind, tuple[str, ...]] = {
        kind: (f"{root}/{run.day_folder}/{folder}{run.place(kind)}",) for kind in run.artifacts
    }
    if shared is not None:
        paths[Kind.CANDLES] += (f"{root}/{shared}",)
    return paths
