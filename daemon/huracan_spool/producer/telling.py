"""What the library says, through the standard library's logger `huracan_spool`: at most one warning a run."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from huracan_spool.errors import Rejected
from huracan_spool.manifest import Kind

if TYPE_CHECKING:
    import logging

_WORD = r"[!#-&(-<>-~]+"  # printable ASCII without blank, quotes and =, as in the daemon's log

# The pipeline's own events, and what it calls the number of rows.
_SAVED = {
    Kind.MODEL: ("model_saved_locally", ""),
    Kind.METRICS: ("metrics_saved_locally", ""),
    Kind.FEATURES: ("features_metadata_saved_locally", ""),
    Kind.TRADES: ("trades_saved_locally", "count"),
    Kind.CANDLES: ("candle_data_saved_locally", "rows"),
}


def saved(kind: Kind, path: Path, rows: int | None) -> None:
    event, counter = _SAVED[kind]
    fields: dict[str, object] = {"path": str(path)}
    if counter and rows is not None:
        fields[counter] = rows
    _logger().info("%s", _line(event, fields))


def not_handed_over(symbol: str, reason: str) -> None:
    _logger().warning("%s", _line("run_not_handed_over", {"symbol": symbol, "reason": reason}))


def odd(event: str, fields: Mapping[str, object]) -> None:
    _logger().warning("%s", _line(event, fields))


def explain(error: BaseException, spool: Path) -> str:
    """What went wrong and what to do about it, as one sentence."""
    if isinstance(error, Rejected):
        return error.reason
    if not isinstance(error, OSError) or error.errno is None:
        return str(error) or type(error).__name__
    where = "" if error.filename is None else f"{error.filename!s}: "
    match error.errno:
        case errno.ENOENT if not spool.is_dir():
            return f"there is no spool at {spool}: is the daemon installed and running?"
        case errno.EACCES | errno.EPERM if _inside(error.filename, spool):
            return f"{spool} may not be written: is this user in the group huracan?"
        case errno.ENOSPC | errno.EDQUOT:
            return f"{where}{error.strerror}; {spool} is full"
        case _:
            return f"{where}{error.strerror}"


def _logger() -> logging.Logger:
    import logging  # noqa: PLC0415 - 4 ms of an import that is to be quick

    return logging.getLogger("huracan_spool")


def _inside(filename: object, spool: Path) -> bool:
    """Whether a call failed on the spool itself: names relative to its descriptor carry no slash."""
    return not isinstance(filename, str) or "/" not in filename or Path(filename).is_relative_to(spool)


def _line(event: str, fields: Mapping[str, object]) -> str:
    return " ".join((event, *(f"{name}={_value(value)}" for name, value in fields.items())))


def _value(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(_WORD, text) else json.dumps(text)
