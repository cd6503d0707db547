"""Following one run until it is settled: on a terminal a line that is rewritten, elsewhere one for each change."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import click

from huracan_spool.cli import stop
from huracan_spool.ledger import WaitingRun, read_ledger
from huracan_spool.producer.submission import FAILED, UNKNOWN, UPLOADED, Submission, wait_for

_BAR = 12  # characters
_ERASE = "\r\x1b[K"


def watch_until_settled(submission: Submission, state_dir: Path) -> None:
    """Returns when the run is uploaded. Raises `Stop` when it failed, or disappeared from the spool."""
    line = _Line(str(submission.run))
    ledger = state_dir / "ledger.sqlite"

    def look() -> str | None:
        now = submission.status()
        if now in (UPLOADED, FAILED, UNKNOWN):
            return now
        line.show(_state(ledger, str(submission.run)))
        return None

    try:
        outcome = wait_for(look, math.inf, time.monotonic, time.sleep)
    finally:
        line.end()
    if outcome != UPLOADED:
        raise stop.Stop(_bad_end(submission), stop.NOT_SO)
    click.echo(f"uploaded: {submission.results(0)}", err=True)


def _bad_end(submission: Submission) -> str:
    receipt = submission.receipt()
    if receipt is None:
        return f"{submission.run} is no longer in the spool, and there is no receipt"
    return f"{submission.run} failed: {receipt.get('code')}: {receipt.get('reason')}"


def _state(ledger: Path, run: str) -> str:
    """What the daemon has noted about a pending run, as far as this user may read it."""
    notes = read_ledger(ledger)
    if notes is None:
        return "in the spool"
    try:
        pause = notes.pause()
        row = next((row for row in notes.waiting_runs() if row.run == run), None)
    finally:
        notes.close()
    return f"all uploads are paused: {pause.reason}" if pause else _described(row)


def _described(row: WaitingRun | None) -> str:
    if row is None:
        return "waits for the daemon"
    if row.waits_because:
        return f"attempt {row.attempts} failed, again at {row.due_at}: {row.waits_because}"
    return f"uploading, attempt {row.attempts}" if row.attempts else "queued"


class _Line:
    """How much is still to come nobody can tell from here, so the bar only shows that it is alive."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._live = sys.stderr.isatty()
        self._begun = time.monotonic()
        self._shown = ""
        self._looks = 0

    def show(self, state: str) -> None:
        if self._live:
            at = self._looks % (2 * _BAR - 2)
            at = min(at, 2 * _BAR - 2 - at)
            bar = f"[{'-' * at}={'-' * (_BAR - 1 - at)}]"
            elapsed = time.monotonic() - self._begun
            click.echo(f"{_ERASE}{bar} {self._run}  {state}  {elapsed:.0f} s", err=True, nl=False)
        elif state != self._shown:
            click.echo(f"{self._run}  {state}", err=True)
        self._shown = state
        self._looks += 1

    def end(self) -> None:
        if self._live:
            click.echo(_ERASE, err=True, nl=False)
