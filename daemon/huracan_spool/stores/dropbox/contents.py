"""The bytes of contents: what a call sends of them, and what becomes of them in memory."""

from __future__ import annotations

import os

from huracan_spool.content_hash import BLOCK
from huracan_spool.stores.base import Content
from huracan_spool.stores.dropbox.body import BytesBody, FileSlice


def part_of(content: Content, offset: int, length: int) -> FileSlice | BytesBody:
    if isinstance(content.source, bytes):
        return BytesBody(content.source[offset : offset + length])
    is_whole_block = length and content.fingerprint.size <= BLOCK
    return FileSlice(content.source, offset, length, content.fingerprint.blocks[0] if is_whole_block else None)


def forget_pages(content: Content, offset: int, length: int) -> None:
    """A large file that was sent is not to push training's data out of the page cache; small ones go soon."""
    if not isinstance(content.source, bytes):
        os.posix_fadvise(content.source, offset, length, os.POSIX_FADV_DONTNEED)
