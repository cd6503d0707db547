"""What the process does that looks at a run's files: limit itself, look, tell.

The order is a mapping: the limits, and for each kind its size in bytes; the descriptors come in the same order.
The verdict goes to stdout. Whatever goes wrong in here ends the process, and `parent` makes a verdict of that.
"""

from __future__ import annotations

import codecs
import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from huracan_spool.inspection.confine import confine, open_nothing_more
from huracan_spool.inspection.crosscheck import compare_with_trades
from huracan_spool.inspection.notes import Notes, Unreadable
from huracan_spool.inspection.report import Report
from huracan_spool.inspection.window import Window
from huracan_spool.manifest import Kind

Check = Callable[[Window, Notes], None]

# Loaded when there is such a file, and under the limits: pyarrow takes longer than the rest of a normal inspection.
_CHECKS = {
    Kind.MODEL: ("models", "check_model"),
    Kind.METRICS: ("documents", "check_metrics"),
    Kind.FEATURES: ("documents", "check_features"),
    Kind.CANDLES: ("candles", "check_candles"),
    Kind.TRADES: ("trades", "check_trades"),
}
# Loaded when first used, and then no file can be opened any more: fuzzing found these.
_CODECS = ("utf-8", "utf-8-sig", "ascii", "latin-1", "cp437", "raw-unicode-escape")
# pyarrow loads both when it first looks at a value, if they are installed: half a second, and too late.
NOT_NEEDED = ("pandas", "numpy")
_OUT_OF_MEMORY = Unreadable(
    "reading it piece by piece needs more memory than an inspection may have: is it damaged?",
    code="takes_too_much_memory",
)


def kinds_of(order: Mapping[str, Any]) -> list[Kind]:
    return [Kind(kind) for kind in order["files"]]


def inspect_and_tell(order: Mapping[str, Any], files: Sequence[int], checks: Mapping[Kind, Check]) -> None:
    """`checks` are loaded, those of the order's kinds at least: nothing can be any more."""
    confine(**order["limits"])
    open_nothing_more()
    windows = {Kind(kind): Window(fd, size) for (kind, size), fd in zip(order["files"].items(), files, strict=True)}
    report = look(windows, {kind: checks[kind] for kind in Kind if kind in windows})
    sys.stdout.write(json.dumps(report.to_json()))


def leave_out(modules: tuple[str, ...]) -> None:
    """Whoever imports them from now on is told that they are not installed."""
    for name in modules:
        sys.modules[name] = None  # type: ignore[assignment]


def load_checks(kinds: list[Kind]) -> dict[Kind, Check]:
    """Everything that is needed from then on."""
    for codec in _CODECS:
        codecs.lookup(codec)
    return {kind: _load(*_CHECKS[kind]) for kind in Kind if kind in kinds}


def look(files: Mapping[Kind, Window], checks: Mapping[Kind, Check]) -> Report:
    """The verdict on files of one run. Raises nothing on purpose."""
    notes = {kind: _look_at(files[kind], check, Notes(kind)) for kind, check in checks.items()}
    if Kind.METRICS in notes and Kind.TRADES in notes:
        compare_with_trades(notes[Kind.METRICS], notes[Kind.TRADES].facts)
    return Report(
        tuple(finding for note in notes.values() for finding in note.findings),
        {kind: note.facts for kind, note in notes.items()},
    )


def _look_at(file: Window, check: Check, notes: Notes) -> Notes:
    try:
        if file.size == 0 and notes.kind is not Kind.TRADES:
            check = _refuse_empty
        check(file, notes)
    except Unreadable as unreadable:
        notes.close(unreadable)
    except MemoryError:
        notes.close(_OUT_OF_MEMORY)
    return notes


def _refuse_empty(_file: Window, _notes: Notes) -> None:
    raise Unreadable("the file is empty", code="empty")


def _load(module: str, name: str) -> Check:
    check: Any = getattr(importlib.import_module(f"huracan_spool.inspection.{module}"), name)
    return check  # type: ignore[no-any-return]
