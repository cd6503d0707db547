"""One line per event on stdout, which no input can forge.

Lines are plain ASCII whatever the locale; a value that is not one plain word is a JSON string, so a line
break, a quote or a terminal's escape sequence in a file name can't start another line or another field.
journald takes a priority from each *line* and none from the rest of an overlong one, so tracebacks stay on
their event's line and every value has a limit.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# journald splits lines at 48 KiB: journald.conf(5), LineMax=. An escaped character takes up to twelve bytes.
_LONGEST_VALUE = 1500
_LONGEST_TRACEBACK = 8000

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

_WORD = re.compile(r"[!#-&(-<>-~]+")  # printable ASCII without blank, quotes and =
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")

_hidden: list[str] = []  # the longest first: one secret may be part of another


def configure(
    style: str,
    level: str,
    *,
    stream: TextIO | None = None,
    journal: bool = False,
    clock: Callable[[], float] = time.time,
) -> None:
    """Route structlog, the standard library's loggers and Python's warnings to `stream`, by default stdout.

    `style` is text or json, `level` the least that is logged. With `journal` each line carries its priority.
    May be called again, for a reloaded configuration.
    """
    lines = _Lines(stream or sys.stdout)
    structlog.configure(
        processors=[_Renderer(render_json if style == "json" else render_text, clock, journal=journal)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _LibraryMessages)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryMessages())
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def hide(secret: str) -> None:
    """Replace `secret` by `***` in every line from now on: the last defence, not the first.

    Shorter than four characters it would only riddle the log with stars.
    """
    if len(secret) >= 4:
        forms = {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}
        _hidden[:] = sorted(forms.union(_hidden), key=len, reverse=True)


def is_journal(environ: Mapping[str, str], descriptor: int = 1) -> bool:
    """True when systemd connected the descriptor to the journal: systemd.exec(5), $JOURNAL_STREAM."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def render_text(stamp: str, level: str, event: str, fields: Mapping[str, Any]) -> str:
    pairs = (f"{_word(name, _NAME)}={_text_value(name, value)}" for name, value in fields.items())
    return " ".join((f"[{stamp}] [{level}] {_word(event)}", *pairs))


def render_json(stamp: str, level: str, event: str, fields: Mapping[str, Any]) -> str:
    own = {"ts": stamp, "level": level, "event": event}
    rest = {name: _plain(value) for name, value in fields.items() if name not in own}
    return json.dumps({**own, **rest})


def _text_value(name: str, value: object) -> str:
    if name == "results" and isinstance(value, dict):
        return ascii(value)  # readers of the pipeline's logs know it as Python's repr
    plain = _plain(value)
    return _word(plain) if isinstance(plain, str) else json.dumps(plain, separators=(",", ":"))


def _word(text: str, pattern: re.Pattern[str] = _WORD) -> str:
    return text if pattern.fullmatch(text) else json.dumps(text)


def _plain(value: object) -> Any:
    """What JSON can say, with floats as short as a reader wants them."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return _short(value)
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, _Traceback):
        return str(value)
    return _cut(f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value))


def _short(value: float) -> float | str:
    if not isfinite(value):
        return str(value)  # JSON has no word for it
    return round(value, 3) if abs(value) >= 1 else float(f"{value:.3g}")


def _cut(text: str) -> str:
    extra = len(text) - _LONGEST_VALUE
    return text if extra <= 0 else f"{text[:_LONGEST_VALUE]}... ({extra} more)"


class _Traceback(str):
    """Longer than other values, and its end is what counts."""

    __slots__ = ()

    @classmethod
    def of(cls, error: BaseException) -> _Traceback:
        return cls("".join(traceback.format_exception(error)).rstrip()[-_LONGEST_TRACEBACK:])


def _exception(exc_info: object) -> BaseException | None:
    """`exc_info` in the forms that loggers take: true, an exception, or what `sys.exc_info` gives."""
    found = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    found = sys.exc_info()[1] if found is True else found
    return found if isinstance(found, BaseException) else None


class _Renderer:
    """The only processor: what structlog collected becomes the line."""

    def __init__(
        self,
        render: Callable[[str, str, str, Mapping[str, Any]], str],
        clock: Callable[[], float],
        *,
        journal: bool,
    ) -> None:
        self._render = render
        self._clock = clock
        self._journal = journal

    def __call__(self, _: object, level: str, collected: Mapping[str, Any]) -> str:
        fields = dict(collected)
        event = str(fields.pop("event", ""))
        error = _exception(fields.pop("exc_info", None))
        if error is not None:
            fields = {"error": error, **fields, "traceback": _Traceback.of(error)}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        prefix = f"<{_PRIORITIES[level]}>" if self._journal else ""
        return prefix + redacted(self._render(stamp, level, event, fields))


def redacted(line: str) -> str:
    """Without the secrets that were named to `hide`."""
    for secret in tuple(_hidden):  # another thread may add one
        line = line.replace(secret, "***")
    return line


class _Lines:
    """Writes whole lines, from any thread. What can't be written is lost; the daemon is not."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        if self._stream is None:  # started with stdout closed
            return
        with self._lock, contextlib.suppress(OSError, ValueError):
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except BrokenPipeError:
                _stop_writing(self._stream)

    debug = info = warning = error = critical = msg


def _stop_writing(stream: TextIO) -> None:
    """Python would try the rest once more at exit, and turn an exit of 0 into 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


# asyncio warns of writes to a connection that is lost, of a large body several times. The call fails of it as well,
# and that is what is told.
_SAID_BETTER = {("asyncio", "socket.send() raised exception.")}


class _LibraryMessages(logging.Handler):
    """What aiohttp, asyncio and watchdog have to say, as an event of ours.

    From warnings on, whatever level one of them has set for itself.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        if (record.name, record.msg) in _SAID_BETTER:
            return
        level = max(
            known for known in (logging.WARNING, logging.ERROR, logging.CRITICAL) if known <= record.levelno
        )
        structlog.get_logger().log(
            level, "library_message", logger=record.name, message=_message(record), exc_info=record.exc_info
        )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a library's slip in its own format string
        return f"{record.msg} {record.args}"


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often a problem has shown itself, over how many seconds."""

    times: int
    seconds: float


class RepeatedProblem:
    """Says when a problem that goes on is worth a line: when it begins, ever more seldom, when it ends.

    Times are seconds of one clock that never goes back.
    """

    INTERVALS = (60.0, 300.0, 1800.0, 7200.0)

    def __init__(self) -> None:
        self._times = 0
        self._lines = 0
        self._began = 0.0
        self._due = 0.0

    def happened(self, now: float) -> Repeats | None:
        """What to log now, if anything."""
        if not self._times:
            self._began = self._due = now
        self._times += 1
        if now < self._due:
            return None
        self._due = now + self.INTERVALS[min(self._lines, len(self.INTERVALS) - 1)]
        self._lines += 1
        return Repeats(self._times, now - self._began)

    def ended(self, now: float) -> Repeats | None:
        """What to log now: None when there was no problem."""
        if not self._times:
            return None
        repeats = Repeats(self._times, now - self._began)
        self._times = self._lines = 0
        return repeats
