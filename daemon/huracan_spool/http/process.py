"""The process as Prometheus' clients describe it: the `process_*` metrics, from /proc/self alone."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

from huracan_spool.http.exposition import Family, counter, gauge

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def process_metrics(started_at: float) -> Iterator[Family]:
    """`started_at` in seconds since 1970: a unit that may not see /proc/stat could not tell it from there."""
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()  # a name may hold blanks; after it comes the third field
    cpu = (int(fields[11]) + int(fields[12])) / _TICKS
    yield counter("process_cpu_seconds_total", "Processor time in seconds, of user and system.", cpu)
    yield gauge("process_resident_memory_bytes", "Resident memory.", int(fields[21]) * _PAGE)
    yield gauge("process_virtual_memory_bytes", "Virtual memory.", int(fields[20]))
    yield gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", started_at)
    yield gauge("process_open_fds", "Open file descriptors.", len(os.listdir("/proc/self/fd")))
    yield gauge(
        "process_max_fds", "The limit of open file descriptors.", resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    )
