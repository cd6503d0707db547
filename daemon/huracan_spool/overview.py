"""What waits, what is paused, what failed and what was done last, with and without a running daemon."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huracan_spool.ledger import LEDGER, LOCK, AccountPause, Ledger, WaitingRun, read_ledger
from huracan_spool.recent import Recent, recent_runs
from huracan_spool.spool.failed import FailedRun, failed_runs
from huracan_spool.spool.protocol import run_of

RECENT = 5


@dataclass(frozen=True, slots=True)
class Overview:
    """`running` is None when this user may not know. `waiting` has the runs that were tried and wait."""

    spool: str
    store: str
    running: bool | None
    paused: AccountPause | None
    pending: int
    waiting: Sequence[WaitingRun]
    failed: Sequence[FailedRun]
    recent: Sequence[Recent]

    @property
    def is_well(self) -> bool:
        """Whether nothing needs a person."""
        return self.running is not False and not self.paused and not self.failed

    def to_json(self) -> dict[str, Any]:
        return {
            "spool": self.spool,
            "store": self.store,
            "running": self.running,
            "paused": asdict(self.paused) if self.paused else None,
            "pending": self.pending,
            "waiting": [asdict(run) for run in self.waiting],
            "failed": [asdict(run) for run in self.failed],
            "recent": [run.to_json() for run in self.recent],
        }


def store_name(*, uses_dropbox: bool, archive: Path) -> str:
    return "dropbox" if uses_dropbox else f"local archive {archive}"


def read_overview(spool: Path, state_dir: Path, store: str) -> Overview:
    """From the outside, by the files alone. Raises `OSError`."""
    pending = _pending(spool)
    waiting: list[WaitingRun] = []
    pause = None
    ledger = read_ledger(state_dir / LEDGER)
    if ledger is not None:
        waiting = [run for run in waiting_runs(ledger) if run.run in pending]
        pause = ledger.pause()
        ledger.close()
    running = _running(state_dir)
    return Overview(
        spool=str(spool),
        store=store,
        running=running,
        paused=pause if running is not False else None,
        pending=len(pending),
        waiting=waiting,
        failed=failed_runs(spool),
        recent=recent_runs(spool, RECENT),
    )


def waiting_runs(ledger: Ledger) -> list[WaitingRun]:
    """Those that were tried, and say why they were not done."""
    return [run for run in ledger.waiting_runs() if run.waits_because]


def _pending(spool: Path) -> frozenset[str]:
    try:
        names = os.listdir(spool)
    except FileNotFoundError:
        return frozenset()
    return frozenset(run for name in names if (run := run_of(name)) is not None and not name.startswith("."))


def _running(state_dir: Path) -> bool | None:
    """Whether a daemon holds the state directory's lock; None when this user may not look."""
    try:
        fd = os.open(state_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except PermissionError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
