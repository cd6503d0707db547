"""What a daemon finishes before it takes up work: whatever an earlier one was in the middle of.

Every step may be repeated, so a crash in the middle of it is like one before it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from huracan_spool.spool import protocol
from huracan_spool.spool.cleanup import finish_removal
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.quarantine import finish_interrupted


@dataclass(frozen=True, slots=True)
class Recovered:
    quarantined: tuple[str, ...]
    unexplained: tuple[str, ...]


def recover(spool: Spool) -> Recovered:
    """Finish interrupted quarantines and removals, and drop half-written receipts. Raises `OSError`.

    Uploaded runs whose clean-up was interrupted need nothing here: their manifests are still pending.
    """
    with os.scandir(spool.receipts) as entries:
        unfinished = [entry.name for entry in entries if entry.name.endswith(".tmp")]
    for name in unfinished:
        os.unlink(name, dir_fd=spool.receipts)
    with os.scandir(spool.root) as entries:
        hidden = [entry.name for entry in entries if entry.name.startswith(protocol.REMOVING)]
    unexplained = tuple(name for name in hidden if not finish_removal(spool, name))
    return Recovered(tuple(finish_interrupted(spool)), unexplained)
