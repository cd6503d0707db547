"""Who descends from a daemon, and who of them is still there when it is not."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PARENT, _STARTED = 1, 19  # fields of /proc/PID/stat behind the name; the state is the first of them


class Process(NamedTuple):
    """A number is used again; a number and a start time are not."""

    pid: int
    started: int


def descendants(pid: int) -> set[Process]:
    children: defaultdict[int, list[Process]] = defaultdict(list)
    for each in filter(str.isdigit, os.listdir("/proc")):
        if fields := _stat(int(each)):
            children[int(fields[_PARENT])].append(Process(int(each), int(fields[_STARTED])))
    found: set[Process] = set()
    parents = [pid]
    while parents:
        below = children[parents.pop()]
        found.update(below)
        parents += [process.pid for process in below]
    return found


async def alive(processes: Iterable[Process], seconds: float) -> set[Process]:
    """Those that have not ended so many seconds later."""
    left = {process for process in processes if _is_alive(process)}
    end = asyncio.get_running_loop().time() + seconds
    while left and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.1)
        left = {process for process in left if _is_alive(process)}
    return left


def _is_alive(process: Process) -> bool:
    fields = _stat(process.pid)
    return bool(fields) and int(fields[_STARTED]) == process.started and fields[0] != "Z"


def _stat(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return []
