"""How far a push is: on a terminal a line that is rewritten, elsewhere one now and then and when it waits."""

from __future__ import annotations

import asyncio
import shutil
import sys

import click

from huracan_spool.activity import Activity
from huracan_spool.pushing.push import Push
from huracan_spool.pushing.report import Report
from huracan_spool.words import number, of, rate, size

_BAR = 20  # characters
_LIVE, _SELDOM = 0.2, 1.0  # seconds between two looks
_A_LINE_EVERY = 30.0
_ERASE = "\r\x1b[K"


class Shown:
    """Talk, so it goes to stderr."""

    def __init__(self, push: Push, report: Report, activity: Activity) -> None:
        self._push = push
        self._report = report
        self._activity = activity
        self._live = sys.stderr.isatty()
        self._waits: str | None = None
        self._said_at = activity.monotonic()

    async def keep_up(self) -> None:
        """For ever, beside the work."""
        try:
            while True:
                self._look()
                await asyncio.sleep(_LIVE if self._live else _SELDOM)
        finally:
            if self._live:
                click.echo(_ERASE, err=True, nl=False)

    def _look(self) -> None:
        waits, now = self._push.waits_because(), self._activity.monotonic()
        if self._live:
            line = f"{self._bar()} {f'waits: {waits}' if waits else self._state(now)}"
            # At the line's beginning again, so that a warning takes its place.
            click.echo(f"{_ERASE}{line[: shutil.get_terminal_size().columns - 1]}\r", err=True, nl=False)
        elif (waits is None) != (self._waits is None) or now - self._said_at >= _A_LINE_EVERY:
            click.echo(f"waits: {waits}" if waits else self._state(now), err=True)
            self._said_at = now
        self._waits = waits

    def _bar(self) -> str:
        total = self._push.extent.days
        full = _BAR * self._push.days_done // total if total else 0
        return f"[{'=' * full}{' ' * (_BAR - full)}]"

    def _state(self, now: float) -> str:
        if not self._push.extent.days:
            return "looking at the archive"
        if self._push.asks_account:
            return f"{of(self._push.extent.days, 'folder', 'folders')}; asking what the account has"
        report, sent = self._report, self._activity.totals.bytes_sent
        return (
            f"{number(self._push.days_done)} of {of(self._push.extent.days, 'folder', 'folders')}, "
            f"{of(len(report.pushed), 'run', 'runs')} {'checked' if report.dry_run else 'pushed'}, "
            f"{number(report.already_there)} there already, {len(report.broken)} broken, {size(sent)} sent, "
            f"{rate(self._activity.speed.at(now, sent))}"
        )
