"""The daemon's side of an inspection: have a process look, no longer than it may, and judge what it says.

The files are handed over as open descriptors: what is inspected is what is sent, whatever happens to its name.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from huracan_spool.inspection.forks import Fork, Forks, TemplateEnded
from huracan_spool.inspection.report import Report, told
from huracan_spool.manifest import Kind
from huracan_spool.threads import all_done

TRIES = 2
MAX_VERDICT_BYTES = 512 * 1024
MAX_COMPLAINT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class InspectionLimits:
    """For one inspection of one run. Memory is what the process may write to, without its libraries."""

    seconds: float
    memory_bytes: int = 256 * 1024 * 1024
    open_files: int = 64


class _NoVerdict(Exception):
    """Why an inspection has failed, as a clause that follows "the inspecting process"."""


async def inspect(
    forks: Forks, files: Mapping[Kind, int], sizes: Mapping[Kind, int], limits: InspectionLimits
) -> Report:
    """Look at a run's files, given as descriptors that can be read, and their sizes in bytes.

    Raises nothing but `CancelledError`: an inspection that fails twice is a `Report` with `failed`.
    """
    reasons = []
    for _ in range(TRIES):
        try:
            return await _inspect_once(forks, files, sizes, limits)
        except _NoVerdict as no_verdict:
            reasons.append(str(no_verdict))
    return Report(failed=f"the inspecting process {reasons[-1]} (tried {TRIES} times)")


async def _inspect_once(
    forks: Forks, files: Mapping[Kind, int], sizes: Mapping[Kind, int], limits: InspectionLimits
) -> Report:
    """Raises `_NoVerdict`."""
    order = {"limits": asdict(limits), "files": {str(kind): sizes[kind] for kind in files}}
    try:
        async with (
            asyncio.timeout(limits.seconds),
            forks.fork(json.dumps(order).encode(), tuple(files.values())) as fork,
        ):
            verdict, complaint = await _listen(fork)
            status = await fork.status()
    except TimeoutError as error:
        raise _NoVerdict(f"was not done after {limits.seconds:g} seconds") from error
    except TemplateEnded as error:
        raise _NoVerdict(f"can't be told of: {error}") from error
    except OSError as error:
        raise _NoVerdict(f"could not be started: {error.strerror}") from error
    if status != 0:
        raise _NoVerdict(_how_it_ended(status, complaint))
    return _judge(verdict, files.keys())


async def _listen(fork: Fork) -> tuple[bytes, bytes]:
    """All of stdout and stderr. Raises `_NoVerdict` as soon as it is more than a verdict can be."""
    verdict, complaint = await all_done(
        [_read(fork.stdout.reader, MAX_VERDICT_BYTES), _read(fork.stderr.reader, MAX_COMPLAINT_BYTES)]
    )
    return verdict, complaint


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    data = bytearray()
    while part := await stream.read(64 * 1024):
        data += part
        if len(data) > most:
            raise _NoVerdict(f"said more than {most} bytes")
    return bytes(data)


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
