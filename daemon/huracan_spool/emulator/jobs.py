"""Asynchronous jobs. The work is done at launch; only the news of it takes a few polls."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huracan_spool.emulator.failures import EntryFailure

# A v1 finish_batch whose caller never asks must not block the next one for ever.
FORGOTTEN_AFTER_SECONDS = 60


@dataclass
class Job:
    """Entries that a fault lets fail are not among `entries`, or lied about there."""

    kind: str
    entries: Sequence[Any]
    failures: Mapping[int, EntryFailure]
    started: float
    polls_left: int


class Jobs:
    def __init__(self, polls: int) -> None:
        self._polls = polls
        self._jobs: dict[str, Job] = {}

    def launch(self, kind: str, entries: Sequence[Any], failures: Mapping[int, EntryFailure], now: float) -> str:
        job_id = f"dbjid:{secrets.token_urlsafe(48)}"
        self._jobs[job_id] = Job(kind, entries, failures, now, self._polls)
        return job_id

    def poll(self, kind: str, job_id: str) -> Job | None:
        """The finished job, or None while it is in progress. Raises `KeyError` for no such job."""
        job = self._jobs[job_id]
        if job.kind != kind:
            raise KeyError(job_id)
        if job.polls_left == 0:
            return job
        job.polls_left -= 1
        return None

    def is_running(self, kind: str, now: float) -> bool:
        return any(
            job.kind == kind and job.polls_left > 0 and now - job.started < FORGOTTEN_AFTER_SECONDS
            for job in self._jobs.values()
        )
