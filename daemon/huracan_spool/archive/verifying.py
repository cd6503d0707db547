"""What is in the store against what should be: by the runs' records, and by this host's receipts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from huracan_spool import layout
from huracan_spool.archive.reader import StoredFile
from huracan_spool.archive.tree import StoredRun, places
from huracan_spool.manifest import Kind
from huracan_spool.receipt import Receipt
from huracan_spool.record import KnownRun


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """`path` is relative to the app folder; `problem` one of missing, differs, unexpected, bad_record, lost."""

    path: str
    problem: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was looked at, and where it differs."""

    runs: int
    files: int
    differences: tuple[Difference, ...]


def of_run(run: StoredRun, known: KnownRun | None, hashes: Mapping[str, str]) -> list[Difference]:
    """Where a run's folder and its record differ. `hashes` are the content hashes of its files, by place."""
    if known is None:
        path = run.record.path if run.record else run.folder + layout.RECORD_PLACE
        return [
            Difference(path, "bad_record" if run.record else "missing", "no true record says whose files these are")
        ]
    found = [
        Difference(run.folder + place, "missing", f"content hash {wanted}")
        if place not in hashes
        else Difference(run.folder + place, "differs", f"{hashes[place]}, the record says {wanted}")
        for place, wanted in known.wants.items()
        if hashes.get(place) != wanted
    ]
    surplus = set(places(run)) - set(known.wants)
    return sorted(
        [*found, *(Difference(run.folder + place, "unexpected", "not in the record") for place in surplus)]
    )


def of_shared_candles(run: StoredRun, known: KnownRun, symbol: str, shared: Mapping[str, str]) -> list[Difference]:
    """`shared` are the content hashes of the symbol's shared candles, by path."""
    wanted = next((known.wants[place] for place in known.wants if place.startswith("data/")), None)
    if wanted is None or wanted in shared.values():
        return []
    folder = f"data/candles/{symbol}/"
    return [Difference(folder, "missing", f"the shared copy of the candles of {run.folder}, content hash {wanted}")]


def of_strangers(files: Iterable[StoredFile]) -> list[Difference]:
    """Files that are no run's. What reconciliation put aside under `superseded/unknown-…` is among them."""
    return [Difference(file.path, "unexpected", "no record names it") for file in files]


def of_receipts(receipts: Iterable[Receipt], digests: Collection[str]) -> list[Difference]:
    """Runs that this host uploaded and that are not in the store, whatever day folder they should be in."""
    return sorted(
        Difference(_folder(receipt), "lost", f"the receipt of {receipt.run} says uploaded, no record there says so")
        for receipt in receipts
        if receipt.uploaded and receipt.digest is not None and receipt.digest not in digests
    )


def _folder(receipt: Receipt) -> str:
    for kind in Kind:
        if kind in receipt.artifacts and receipt.artifacts[kind].paths:
            return receipt.artifacts[kind].paths[0].rpartition("/")[0]
    return receipt.run
