"""Numbers as people read them."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB", "PB")
_SECONDS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def size(count: float) -> str:
    """`0 B`, `1.23 MB`, `456 GB`: three digits, thousands as Dropbox's own pages have them."""
    if count < 999.5:
        return f"{count:.0f} B"
    for unit in _UNITS:
        count /= 1000
        if count < 999.5 or unit == _UNITS[-1]:
            break
    return f"{count:.{2 if count < 9.995 else 1 if count < 99.95 else 0}f} {unit}"


def rate(per_second: float) -> str:
    return f"{size(per_second)}/s"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `2 h 5 min`, `3 d 4 h`: the two largest units, the second only if it counts."""
    if seconds < 0.95:
        return f"{seconds:.1f} s"
    left = round(seconds) if seconds < 59.5 else round(seconds / 60) * 60
    largest = next(index for index, (_, length) in enumerate(_SECONDS) if left >= length)
    parts = []
    for unit, length in _SECONDS[largest : largest + 2]:
        count, left = divmod(left, length)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts)


def ago(seconds: float) -> str:
    return "just now" if seconds < 2 else f"{duration(seconds)} ago"


def number(count: int) -> str:
    return f"{count:,}"


def of(count: int, one: str, many: str) -> str:
    return f"{number(count)} {one if count == 1 else many}"
