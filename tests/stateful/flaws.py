"""Bad runs of the kinds that producers make by mistake; each has its code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from submissions import MANIFEST, Draft, Submission, sample, submission

from support.bad_runs import BadRun, bad_runs

# Those that need another user, a device, or time to read are left to the tests of single bad runs.
_NAMES = (
    "missing",
    "wrong-size",
    "wrong-sha256",
    "unknown-kind",
    "with-a-slash",
    "symlink",
    "fifo",
    "folder",
    "empty",
    "not-utf8",
    "cut-off",
    "version-2",
    "punctuation",
    "duplicate-key",
    "metadata-too-big",
    "same-file-twice",
)
FLAWS: dict[str, BadRun] = {bad.run.name: bad for bad in bad_runs() if bad.run.name in _NAMES}


def spoiled(host: int, name: str, flaw: str, spool: Path) -> Submission:
    """Drop a bad run there."""
    bad = replace(FLAWS[flaw], run=replace(FLAWS[flaw].run, name=name))
    bad.drop(spool)
    files = dict(_dropped(spool, name))
    manifest = files.pop(name + MANIFEST)
    assert manifest is not None
    return Submission(host, bad.run, manifest, files, code=bad.code, moved=frozenset(bad.moved()))


def _dropped(spool: Path, name: str) -> Iterator[tuple[str, bytes | None]]:
    for found in os.listdir(spool):
        if found.startswith((f"{name}_", f"{name}.")):
            path = spool / found
            yield found, path.read_bytes() if path.is_file() and not path.is_symlink() else None


def unreadable(host: int, draft: Draft, name: str, serial: int) -> Submission:
    """A run whose candles were not written to their end, as only an inspection can tell."""
    run = draft.run(name)
    run = replace(run, contents={**run.contents, "candles": sample("candles", 0)[:-50]})
    return replace(submission(host, run, serial), code="broken_artifact")
