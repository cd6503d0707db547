"""The official SDK as somebody would use it who wants to be fast: arguments way, folder, groups, CA file, token.

The ways: `one-by-one`, one file after the other; `pool`, eight threads; `batch`, eight threads for the bytes of
a run and one `finish_batch_v2` for its files. Single-shot uploads up to Dropbox's 150 MB; in the pools what is
larger travels as a concurrent session, the closing piece last, as in Dropbox's own sample.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dropbox
from dropbox import files

APP_FOLDER = "/Huracan"
MIB = 1024 * 1024
SINGLE_SHOT_BYTES = 150 * 1000 * 1000
SEQUENTIAL_PIECE_BYTES = 128 * MIB
CONCURRENT_PIECE_BYTES = 16 * MIB
THREADS = 8
OVERWRITE = files.WriteMode.overwrite


class Uploads:
    def __init__(self, client: dropbox.Dropbox, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._pool = ThreadPoolExecutor(THREADS)

    def one_by_one(self, paths: Sequence[str]) -> None:
        for path in paths:
            if self._size(path) <= SINGLE_SHOT_BYTES:
                self._upload(path)
            else:
                self._in_sequence(path)

    def pool(self, paths: Sequence[str]) -> None:
        small = [path for path in paths if self._size(path) <= SINGLE_SHOT_BYTES]
        uploads = [self._pool.submit(self._upload, path) for path in small]
        for path in set(paths) - set(small):
            cursor = self._in_pieces(path)
            self._client.files_upload_session_finish(b"", cursor, _commit(path))
        for upload in uploads:
            upload.result()

    def batch(self, run: Sequence[str]) -> None:
        small = [path for path in run if self._size(path) <= SINGLE_SHOT_BYTES]
        cursors = dict(zip(small, self._pool.map(self._started, small), strict=True))
        cursors |= {path: self._in_pieces(path) for path in set(run) - set(small)}
        commits = [files.UploadSessionFinishArg(cursor, _commit(path)) for path, cursor in cursors.items()]
        result = self._client.files_upload_session_finish_batch_v2(commits)
        if not all(entry.is_success() for entry in result.entries):
            raise SystemExit(f"not committed: {result}")

    def _size(self, path: str) -> int:
        return (self._folder / path).stat().st_size

    def _upload(self, path: str) -> None:
        self._client.files_upload((self._folder / path).read_bytes(), f"{APP_FOLDER}/{path}", mode=OVERWRITE)

    def _started(self, path: str) -> files.UploadSessionCursor:
        data = (self._folder / path).read_bytes()
        session = self._client.files_upload_session_start(data, close=True)
        return files.UploadSessionCursor(session.session_id, len(data))

    def _in_sequence(self, path: str) -> None:
        with (self._folder / path).open("rb") as file:
            piece = file.read(SEQUENTIAL_PIECE_BYTES)
            session = self._client.files_upload_session_start(piece).session_id
            cursor = files.UploadSessionCursor(session, len(piece))
            while piece := file.read(SEQUENTIAL_PIECE_BYTES):
                self._client.files_upload_session_append_v2(piece, cursor)
                cursor.offset += len(piece)
        self._client.files_upload_session_finish(b"", cursor, _commit(path))

    def _in_pieces(self, path: str) -> files.UploadSessionCursor:
        kind, size = files.UploadSessionType.concurrent, self._size(path)
        session = self._client.files_upload_session_start(b"", session_type=kind).session_id
        *offsets, last = range(0, size, CONCURRENT_PIECE_BYTES)
        list(self._pool.map(lambda offset: self._append(path, session, offset, close=False), offsets))
        self._append(path, session, last, close=True)
        return files.UploadSessionCursor(session, size)

    def _append(self, path: str, session: str, offset: int, *, close: bool) -> None:
        with (self._folder / path).open("rb") as file:
            file.seek(offset)
            piece = file.read(CONCURRENT_PIECE_BYTES)
        cursor = files.UploadSessionCursor(session, offset)
        self._client.files_upload_session_append_v2(piece, cursor, close=close)


def _commit(path: str) -> files.CommitInfo:
    return files.CommitInfo(f"{APP_FOLDER}/{path}", mode=OVERWRITE)


def main(way: str, folder: str, groups: str, ca_file: str, token: str) -> None:
    session = dropbox.create_session(max_connections=THREADS, ca_certs=ca_file)
    uploads = Uploads(dropbox.Dropbox(token, session=session, timeout=300), Path(folder))
    runs = json.loads(Path(groups).read_text())
    if way == "batch":
        for run in runs:
            uploads.batch(run)
        return
    paths = [path for run in runs for path in run]
    if way == "pool":
        uploads.pool(paths)
    else:
        uploads.one_by_one(paths)


if __name__ == "__main__":
    main(*sys.argv[1:])
