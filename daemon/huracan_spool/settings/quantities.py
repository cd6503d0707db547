"""Texts to numbers: durations in seconds, sizes in bytes, rates in bytes per second, counts.

A parser takes the text as a person wrote it and raises `NotAccepted`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING

from huracan_spool.settings.problems import NotAccepted

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024**2
GIB = 1024**3

# YAML 1.1 reads all of these as false; the file's scalars reach us as they were written.
OFF_WORDS = frozenset({"off", "false", "no"})

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1024, "MiB": MIB, "GiB": GIB}
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})"
_DURATION = re.compile(_NUMBER + r" *([smhd]?)")
_SIZE = re.compile(_NUMBER + r" *((?:[kMG]|[KMG]i)B|)")
_STEP = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]),(\S+)")

# Beyond this a timer's arithmetic gets odd, and nobody means it.
_LONGEST = 3650 * 86400


def is_off(text: str) -> bool:
    return text.lower() in OFF_WORDS


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most:
            return int(text)
        raise NotAccepted(f"a whole number from {least} to {most}")

    return parse


def number_up_to(most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if re.fullmatch(_NUMBER, text) and 0 < float(text) <= most:
            return float(text)
        raise NotAccepted(f"a number above 0, at most {most:g}")

    return parse


def _seconds(text: str) -> float | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    seconds = float(match[1]) * _SECONDS[match[2]]
    return seconds if seconds <= _LONGEST else None


def duration(text: str) -> float:
    """More than nothing, up to ten years."""
    seconds = _seconds(text)
    if not seconds:
        raise NotAccepted("a duration above 0, such as 30s, 15m, 2h or 7d")
    return seconds


def duration_or_zero(text: str) -> float:
    seconds = _seconds(text)
    if seconds is None:
        raise NotAccepted("a duration such as 0, 30s, 15m, 2h or 7d")
    return seconds


def duration_or_never(text: str) -> float | None:
    if text == "never":
        return None
    seconds = _seconds(text)
    if not seconds:
        raise NotAccepted("never, or a duration such as 12h or 7d")
    return seconds


def _bytes(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    return round(float(match[1]) * _BYTES[match[2]]) if match else None


def size(text: str) -> int:
    found = _bytes(text)
    if found is None:
        raise NotAccepted("a size such as 500MB or 10GiB")
    return found


def chunk_size(text: str) -> int:
    """Dropbox's concurrent sessions take multiples of 4 MiB, and its requests end at 150 MiB."""
    size = _bytes(text)
    if not size or size % (4 * MIB) or size > 128 * MIB:
        raise NotAccepted("a multiple of 4MiB, at most 128MiB, such as 16MiB")
    return size


@dataclass(frozen=True, slots=True)
class TimeAllowance:
    """Seconds that grow with the size of what is looked at."""

    base: float
    per_gib: float

    def seconds_for(self, size: int) -> float:
        return self.base + self.per_gib * size / GIB


def time_allowance(text: str) -> TimeAllowance:
    """`90s`, or `60s + 10s per GiB`."""
    base, plus, rest = text.partition("+")
    growth, per_gib, nothing = rest.partition("per GiB")
    seconds = _seconds(base.strip())
    seconds_per_gib = _seconds(growth.strip()) if plus else 0.0
    if not seconds or seconds_per_gib is None or bool(plus) != bool(per_gib) or nothing.strip():
        raise NotAccepted("a duration such as 90s, or one that grows: 60s + 10s per GiB")
    return TimeAllowance(seconds, seconds_per_gib)


@dataclass(frozen=True, slots=True)
class Timetable:
    """Bytes per second by the time of day; a rate of None is no limit. Steps are in order of time."""

    steps: tuple[tuple[time, int | None], ...]

    def rate_at(self, local: time) -> int | None:
        """Before the day's first step, yesterday's last one still holds."""
        begun = [rate for start, rate in self.steps if start <= local]
        return begun[-1] if begun else self.steps[-1][1]


def timetable(text: str) -> Timetable:
    """`off`, `10MiB` (a second), or `08:00,10MiB 19:00,off`."""
    if "," not in text:
        return Timetable(((time.min, _rate(text)),))
    matches = [_STEP.fullmatch(step) for step in text.split()]
    steps = {time(int(m[1]), int(m[2])): _rate(m[3]) for m in matches if m}
    if len(steps) != len(matches):
        raise _not_a_timetable()
    return Timetable(tuple(sorted(steps.items(), key=lambda step: step[0])))


def _rate(text: str) -> int | None:
    if is_off(text):
        return None
    rate = _bytes(text.removesuffix("/s"))
    if not rate:
        raise _not_a_timetable()
    return rate


def _not_a_timetable() -> NotAccepted:
    return NotAccepted("off, a rate per second such as 10MiB, or a timetable such as 08:00,10MiB 19:00,off")
