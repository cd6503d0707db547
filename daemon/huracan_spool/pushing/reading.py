"""A run's files, opened and hashed in one pass: what was found true is what is sent."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from huracan_spool import layout
from huracan_spool.content_hash import Hasher, fingerprint
from huracan_spool.errors import Rejected
from huracan_spool.hashing import hashed
from huracan_spool.manifest import Kind
from huracan_spool.pushing.archive import ArchivedRun, Broken, Day, why
from huracan_spool.spool.files import OpenFile, open_folder, open_regular
from huracan_spool.stores.base import Content, PlannedRun
from huracan_spool.threads import in_thread


async def plan(opened: ExitStack, day: Day, run: ArchivedRun, *, tried_before: bool) -> PlannedRun:
    """The run as the store takes it; `opened` closes its files. Raises `Broken`."""
    artifacts = {kind: await _true_content(opened, day, run, kind) for kind in run.wants}
    record = Content(run.record, fingerprint(run.record))
    digest = run.known.key.digest
    return PlannedRun(run.name, run.symbol, run.trained_at, digest, artifacts, record, tried_before=tried_before)


async def _true_content(opened: ExitStack, day: Day, run: ArchivedRun, kind: Kind) -> Content:
    """Where the record lies; else where the run may lie as well; else, moved meanwhile, where the record lies.

    Raises `Broken` with what was wrong where it was looked for first.
    """
    place = layout.place(kind, run.symbol, run.trained_at)
    others = [base for base in run.bases if base != run.base]
    wrong = []
    for base in (run.base, *others, run.base):
        try:
            return await _content(opened, day.path / base / place, run.wants[kind])
        except Broken as problem:
            wrong.append(problem)
    raise Broken(f"{place}: {wrong[0]}") from wrong[0]


async def _content(opened: ExitStack, path: Path, wanted: str) -> Content:
    try:
        file = await in_thread(_open, opened, path)
        found = await hashed(file.fd, Hasher())
    except (Rejected, OSError) as error:
        raise Broken(why(error)) from error
    if found.content_hash != wanted:
        raise Broken(f"it has the content hash {found.content_hash}, its record says {wanted}")
    if not file.unchanged():
        raise Broken("it was written to while it was read")
    return Content(file.fd, found)


def _open(opened: ExitStack, path: Path) -> OpenFile:
    folder = open_folder(str(path.parent))
    try:
        file = open_regular(folder, path.name)
    finally:
        os.close(folder)
    opened.callback(file.close)
    return file
