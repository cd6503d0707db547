"""The hand-over of a run: look, bring in, publish, remove the originals.

Raises what happens; `RunWriter` decides how much of that training sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from huracan_spool.manifest import Kind
from huracan_spool.producer import telling
from huracan_spool.producer.offered import Offered, bring_all, look_at, remove_originals
from huracan_spool.producer.publication import Declaration, Published, check, publish_staged
from huracan_spool.producer.staging import Staging


def publish(
    spool: Path,
    run: str,
    symbol: str,
    trained_at: str,
    artifacts: Mapping[str, Path],
    metadata: Mapping[str, Any],
) -> Published:
    """Hand `artifacts` (kind to file) over as exactly `run`; the files stay where they are.

    Raises `OSError`, `ValueError` and `Rejected`, among them `FileExistsError` when the spool has that run or a
    file of one of its names; then nothing of it is left in the spool.
    """
    offers = [Offered(Kind(kind), path, keep=True) for kind, path in artifacts.items()]
    declaration = Declaration(symbol, trained_at, metadata)
    check(declaration, run, paths_of(offers))
    staging = Staging.open(spool)
    try:
        return publish_from(staging, declaration, offers, (run,))
    finally:
        staging.remove()


def publish_from(
    staging: Staging, declaration: Declaration, offers: Sequence[Offered], names: Iterable[str]
) -> Published:
    """Publish files, some of which may already lie in the hidden folder, under the first of `names` that is free.

    Raises as `publish` does; then originals are where and what they were, or at worst in the hidden folder.
    """
    before = look_at(offers)
    with ExitStack() as undo:
        staged = bring_all(staging, offers, undo)
        published = publish_staged(staging, declaration, names, paths_of(offers), staged)
        undo.pop_all()
    for path in remove_originals(staging, offers, before):
        telling.odd("original_not_removed", {"path": path, "action": "the run is handed over; remove it yourself"})
    for offer in offers:
        telling.saved(offer.kind, published.files[offer.kind], offer.rows)
    return published


def paths_of(offers: Iterable[Offered]) -> dict[Kind, Path]:
    return {offer.kind: offer.path for offer in offers}
