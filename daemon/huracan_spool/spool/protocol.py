"""Names and states in the spool directory (contract section 2)."""

from __future__ import annotations

import re
from enum import Enum

from huracan_spool.manifest import MANIFEST_SUFFIX, RESERVED_NAMES

DEFAULT_PATH = "/tmp/huracan-spool"  # noqa: S108 - the place that producers know
MODE = 0o3770  # setgid: files get the producers' group; sticky: nobody touches another's files
FAILED = "failed"
RECEIPTS = "receipts"
REASON = "reason.json"
LOCK = ".lock"
REMOVING = ".rm-"

RUN_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_RUN = re.compile(RUN_PATTERN)


class NameKind(Enum):
    """What a name in the spool stands for, before anybody looks at the file."""

    HIDDEN = "being written, never looked at"
    OURS = "kept by the daemon"
    MANIFEST = "a pending run"
    OTHER = "an artifact, or an orphan"


def is_run_name(run: str) -> bool:
    return _RUN.fullmatch(run) is not None


def manifest_name(run: str) -> str:
    return run + MANIFEST_SUFFIX


def receipt_name(run: str) -> str:
    return run + ".json"


def run_of(name: str) -> str | None:
    """The run that a manifest's name declares; None when the name is of another form."""
    run = name.removesuffix(MANIFEST_SUFFIX)
    return run if run != name and is_run_name(run) else None


def kind_of(name: str) -> NameKind:
    if name.startswith("."):
        return NameKind.HIDDEN
    if name in RESERVED_NAMES:
        return NameKind.OURS
    return NameKind.MANIFEST if run_of(name) else NameKind.OTHER


def removal_name(run: str, role: str) -> str:
    """Where a file waits between being taken out of sight and being deleted; `role` is its kind."""
    return f"{REMOVING}{role}-{run}"


def parse_removal_name(name: str) -> tuple[str, str] | None:
    """`(run, role)` of a name made by `removal_name`."""
    role, dash, run = name.removeprefix(REMOVING).partition("-")
    return (run, role) if name.startswith(REMOVING) and dash and is_run_name(run) else None
