"""Limits that a process sets for itself. That needs no privileges, and only root's could lift them again."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress

_NICE = 10


def confine(*, seconds: float, memory_bytes: int, open_files: int) -> None:
    """Limit memory, CPU time and open files; write no file, leave no core, end after `seconds` in any case.

    RLIMIT_DATA counts what can be written to, so it is a limit on what is really used: RLIMIT_AS would count the
    libraries as well. The alarm is for a process whose parent was killed.
    """
    cpu_seconds = int(seconds) + 1
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_NOFILE, open_files)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)


def be_nice() -> None:
    """Behind training's processes, not beside them."""
    with suppress(OSError):  # as a service we may not, and are nice already
        os.nice(_NICE)


def open_nothing_more() -> None:
    """From here on no file and no socket: each would need a descriptor. What is open stays open."""
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(what: int, most: int) -> None:
    """Soft and hard; a lower limit that is there already stays."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))
