"""The daemon's side of an inspection: start the process that looks, limit it, judge what it says.

The files are handed over as open descriptors: what is inspected is what is sent, whatever happens to its name.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from huracan_spool.inspection.report import Report, told
from huracan_spool.manifest import Kind
from huracan_spool.threads import all_done

TRIES = 2
MAX_VERDICT_BYTES = 512 * 1024
_MOST_BYTES = (MAX_VERDICT_BYTES, 64 * 1024)  # on stdout and stderr
_REAPING = 5.0  # seconds

# Isolated from the daemon's environment, which may hold a token. One thread, and the memory pool whose refusals
# under a limit are exceptions.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    "TZ": "UTC",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
CHILD = (sys.executable, "-I", "-B", "-m", "huracan_spool.inspection.child")


@dataclass(frozen=True, slots=True)
class InspectionLimits:
    """For one inspection of one run. Memory is what the process may write to, without its libraries."""

    seconds: float
    memory_bytes: int = 256 * 1024 * 1024
    open_files: int = 64


class _NoVerdict(Exception):
    """Why an inspection has failed, as a clause that follows "the inspecting process"."""


async def inspect(
    files: Mapping[Kind, int],
    sizes: Mapping[Kind, int],
    limits: InspectionLimits,
    *,
    child: tuple[str, ...] = CHILD,
) -> Report:
    """Look at a run's files, given as descriptors that can be read, and their sizes in bytes.

    `child` is the command that looks: it gets the order as its last argument and answers with a report in JSON.
    Raises nothing but `CancelledError`: an inspection that fails twice is a `Report` with `failed`.
    """
    reasons = []
    for _ in range(TRIES):
        try:
            return await _inspect_once(files, sizes, limits, child)
        except _NoVerdict as no_verdict:
            reasons.append(str(no_verdict))
    return Report(failed=f"the inspecting process {reasons[-1]} (tried {TRIES} times)")


async def _inspect_once(
    files: Mapping[Kind, int], sizes: Mapping[Kind, int], limits: InspectionLimits, child: tuple[str, ...]
) -> Report:
    """Raises `_NoVerdict`."""
    order = json.dumps(
        {
            "limits": {
                "seconds": limits.seconds,
                "memory_bytes": limits.memory_bytes,
                "open_files": limits.open_files,
            },
            "files": {str(kind): [fd, sizes[kind]] for kind, fd in files.items()},
        }
    )
    try:
        process = await _start((*child, order), tuple(files.values()))
    except OSError as error:
        raise _NoVerdict(f"could not be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(limits.seconds):
            verdict, complaint = await _listen(process)
            status = await process.wait()
    except TimeoutError as error:
        raise _NoVerdict(f"was not done after {limits.seconds:g} seconds") from error
    finally:
        await _end(process)
    if status != 0:
        raise _NoVerdict(_how_it_ended(status, complaint))
    return _judge(verdict, files.keys())


async def _start(command: tuple[str, ...], fds: tuple[int, ...]) -> Process:
    """In a session of its own, so that all of it can be killed at once. Raises `OSError`."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        pass_fds=fds,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
    )


async def _listen(process: Process) -> tuple[bytes, bytes]:
    """All of stdout and stderr. Raises `_NoVerdict` as soon as it is more than a verdict can be."""
    verdict, complaint = await all_done(
        _read(stream, most) for stream, most in zip(_outputs(process), _MOST_BYTES, strict=True)
    )
    return verdict, complaint


def _outputs(process: Process) -> tuple[asyncio.StreamReader, asyncio.StreamReader]:
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both are pipes")
    return process.stdout, process.stderr


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    data = bytearray()
    while part := await stream.read(64 * 1024):
        data += part
        if len(data) > most:
            raise _NoVerdict(f"said more than {most} bytes")
    return bytes(data)


async def _end(process: Process) -> None:
    """Kill what is left of it. asyncio sees the end of a process only when its pipes have been read to theirs.

    They never end if something has left the session and lives on; that must not hold up the daemon.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_REAPING):
            for stream in _outputs(process):
                while await stream.read(64 * 1024):
                    pass
            await process.wait()


def _how_it_ended(status: int, complaint: bytes) -> str:
    lines = complaint.decode(errors="replace").strip().splitlines()
    last_words = f": {told(lines[-1])}" if lines else ""
    how = f"was ended by {_signal_name(-status)}" if status < 0 else f"failed with exit code {status}"
    return how + last_words


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _judge(verdict: bytes, kinds: Any) -> Report:
    """Raises `_NoVerdict` unless it is a report on exactly these kinds."""
    try:
        report = Report.from_json(json.loads(verdict, parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        raise _NoVerdict(f"gave no usable verdict: {told(str(error))}") from error
    if report.failed is not None or report.facts.keys() != set(kinds):
        raise _NoVerdict("gave a verdict on other files")
    return report


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
