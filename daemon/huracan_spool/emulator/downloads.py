"""The answers that carry bytes: a file or a part of it, and a folder as a zip."""

from __future__ import annotations

from functools import partial
from typing import Any

from dropbox import stone_serializers

from huracan_spool.emulator import replies
from huracan_spool.emulator.endpoint import ZipDownload
from huracan_spool.emulator.entries import file_metadata
from huracan_spool.emulator.nodes import File
from huracan_spool.emulator.ranges import Span, span_of
from huracan_spool.emulator.replies import Reply, Stream

RESULT_HEADER = "Dropbox-API-Result"


def file_reply(file: File, wanted: str | None) -> Reply:
    """`wanted` is the Range header. A part is described like the whole: with the file's metadata and size."""
    content = file.revision.content
    headers = {
        RESULT_HEADER: file_metadata(file),
        "Accept-Ranges": "bytes",
        "Etag": f'W/"{file.revision.rev}"',
        "Original-Content-Length": str(content.size),
    }
    span = span_of(wanted, content.size)
    if span is not None and not span.size:
        return replies.text(416, "Range Not Satisfiable", {"Content-Range": f"bytes */{content.size}"})
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{content.size}"
    part = span or Span(0, content.size)
    body = Stream(partial(content.chunks, part.start, part.size), part.size)
    return Reply(200 if span is None else 206, "application/octet-stream", body, headers)


def zip_reply(result_type: Any, download: ZipDownload) -> Reply:
    """No length, no ranges, no tag: nobody knows the bytes before they are made."""
    headers = {RESULT_HEADER: stone_serializers.json_encode(result_type, download.result)}
    return Reply(200, "application/zip", Stream(download.chunks, None), headers)
