"""Which part of a file a Range header asks for: RFC 9110, section 14."""

from __future__ import annotations

import re
from dataclasses import dataclass

# More digits than any file has bytes are no number worth reading, and int() refuses thousands of them.
_ONE_RANGE = re.compile(r"bytes=([0-9]{0,30})-([0-9]{0,30})", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """Bytes from `start` up to `end`. Empty when the file has none of those that were asked for."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return max(0, self.end - self.start)


def span_of(header: str | None, size: int) -> Span | None:
    """The part wanted of a file of `size` bytes; None for the whole.

    What is malformed, another unit, or several ranges at once is ignored, as section 14.2 allows. The last bytes
    of an empty file can't be named in a Content-Range, so there are none.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return Span(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return Span(int(first), min(int(last) + 1, size) if last else size)
