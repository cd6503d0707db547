"""Bringing the index up to date with its store."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from huracan_spool.archive.index import Choice, Index
from huracan_spool.archive.progress import Progress
from huracan_spool.archive.reader import Gone, ListAgain, Reader, StoredFile
from huracan_spool.errors import TryAgain
from huracan_spool.record import rfc3339
from huracan_spool.threads import all_done_in_turn, both, in_thread

_ROUNDS = 10
_LISTINGS = 3
# Metrics are a kilobyte or two. Longer ones are no metrics of a training, and their columns stay empty.
LONGEST_DOCUMENT = 1024 * 1024
_AT_ONCE = 48
_KEPT_TOGETHER = 200


async def catch_up(reader: Reader, index: Index, lock: Path, progress: Progress) -> None:
    """Until the index is as the store was at one moment after this call.

    A first listing that is interrupted goes on where it was. One process lists at a time; the others wait for it
    and then have little to do.
    """
    async with _alone(lock):
        for _ in range(_LISTINGS):
            try:
                await _follow(reader, index, progress)
            except ListAgain:
                await in_thread(index.begin_anew)
            else:
                await in_thread(index.caught_up, rfc3339(datetime.now(UTC)))
                return
        raise TryAgain("the store changes faster than it can be listed")


async def _follow(reader: Reader, index: Index, progress: Progress) -> None:
    """Of several pages none is of the moment of the others, so until all changes come in one."""
    if not (reader.follows and index.cursor):
        await in_thread(index.begin_anew)
    for _ in range(_ROUNDS):
        if await _round(reader, index, progress) == 1 or not reader.follows:
            return
    raise ListAgain


async def _round(reader: Reader, index: Index, progress: Progress) -> int:
    """The number of its pages. While one is written down the next is on its way."""
    page, pages, changes = await reader.page(index.cursor or None), 1, 0
    while page.has_more:
        changes += len(page.changes)
        progress.update("listing the store", changes, None, "files")
        page, _ = await both(reader.page(page.cursor), in_thread(index.take, page))
        pages += 1
    await in_thread(index.take, page)
    return pages


@asynccontextmanager
async def _alone(lock: Path) -> AsyncIterator[None]:
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.1)
        yield
    finally:
        os.close(fd)


async def read_metrics(reader: Reader, index: Index, choice: Choice, progress: Progress) -> None:
    """Have the metrics of the chosen runs among the documents, newest first.

    What has been read is kept when this is interrupted. A file that went meanwhile is left out.
    """
    unread = await in_thread(index.unread_metrics, choice)
    read: list[tuple[str, bytes]] = []
    done = 0

    async def one(file: StoredFile) -> None:
        nonlocal done
        try:
            if file.size <= LONGEST_DOCUMENT:
                read.append((file.version, await reader.read(file, LONGEST_DOCUMENT)))
        except Gone:
            return
        done += 1
        progress.update("reading metrics", done, len(unread), "runs")
        if len(read) >= _KEPT_TOGETHER:
            await _keep(index, read)

    try:
        for first in range(0, len(unread), 20 * _KEPT_TOGETHER):
            batch = unread[first : first + 20 * _KEPT_TOGETHER]
            await all_done_in_turn((one(file) for file in batch), _AT_ONCE)
    finally:
        await _keep(index, read)


async def _keep(index: Index, read: list[tuple[str, bytes]]) -> None:
    documents = read.copy()
    read.clear()
    await in_thread(index.note_documents, documents, are_metrics=True)
