"""Scenarios for the official SDK, run in a process of their own: it reads its hosts when it is imported.

Arguments: the scenario's name, the CA file, the access token, the refresh token, the app key.
Prints what it saw as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import dropbox
from dropbox import files
from dropbox.content_hash import content_hash

BLOCK = 4 * 1024 * 1024
DATA = bytes(range(256)) * 4096 * 10 + b"tail"  # 10 MiB and a bit


def upload(dbx: dropbox.Dropbox) -> Any:
    metadata = dbx.files_upload(b"hi", "/A/b.txt", client_modified=datetime(2026, 1, 2, 3, 4, 5))  # noqa: DTZ001
    _, response = dbx.files_download("/a/B.TXT")
    again = dbx.files_upload(b"hi", "/a/b.txt")
    return [
        metadata.path_display,
        str(metadata.client_modified),
        response.content.decode(),
        again.rev == metadata.rev,
    ]


def sequential(dbx: dropbox.Dropbox) -> Any:
    session = dbx.files_upload_session_start(DATA[:BLOCK]).session_id
    dbx.files_upload_session_append_v2(DATA[BLOCK : 2 * BLOCK], cursor(session, BLOCK))
    metadata = dbx.files_upload_session_finish(
        DATA[2 * BLOCK :], cursor(session, 2 * BLOCK), files.CommitInfo(path="/big")
    )
    return metadata.content_hash == content_hash(DATA)


def concurrent(dbx: dropbox.Dropbox) -> Any:
    session = dbx.files_upload_session_start(b"", session_type=files.UploadSessionType.concurrent).session_id
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda at: append(dbx, session, at), (BLOCK, 0)))
    dbx.files_upload_session_append_v2(DATA[2 * BLOCK :], cursor(session, 2 * BLOCK), close=True)
    metadata = dbx.files_upload_session_finish(b"", cursor(session, len(DATA)), files.CommitInfo(path="/big"))
    return metadata.content_hash == content_hash(DATA)


def batches(dbx: dropbox.Dropbox) -> Any:
    ids = dbx.files_upload_session_start_batch(2).session_ids
    pieces = [files.UploadSessionAppendBatchArgEntry(cursor(each, 0), 3, True) for each in ids]
    appended = dbx.files_upload_session_append_batch(b"abcdef", pieces)
    commits = [
        files.UploadSessionFinishArg(cursor(each, 3), files.CommitInfo(path=f"/{each[-3:]}/x")) for each in ids
    ]
    commits.append(files.UploadSessionFinishArg(cursor("none", 0), files.CommitInfo(path="/n")))
    finished = dbx.files_upload_session_finish_batch_v2(commits)
    return [
        [entry.is_success() for entry in appended.entries],
        [entry.get_success().content_hash for entry in finished.entries[:2]]
        == [content_hash(b"abc"), content_hash(b"def")],
        finished.entries[2].get_failure().get_lookup_failed().is_not_found(),
    ]


def listing(dbx: dropbox.Dropbox) -> Any:
    for name in "abc":
        dbx.files_upload(b"x", f"/d/{name}")
    page = dbx.files_list_folder("", recursive=True, limit=2)
    names = [entry.path_display for entry in page.entries]
    while page.has_more:
        page = dbx.files_list_folder_continue(page.cursor)
        names += [entry.path_display for entry in page.entries]
    return names


def downloads(dbx: dropbox.Dropbox) -> Any:
    dbx.files_upload(DATA, "/d/model/big")
    metadata, whole = dbx.files_download("/d/model/big")
    with tempfile.NamedTemporaryFile() as file:
        dbx.files_download_to_file(file.name, "/d/model/big")
        saved = content_hash(file.read())
        result = dbx.files_download_zip_to_file(file.name, "/D")
        with zipfile.ZipFile(file.name) as archive:
            zipped = {name: content_hash(archive.read(name)) for name in archive.namelist()}
    return [
        content_hash(whole.content) == saved == metadata.content_hash,
        result.metadata.path_display,
        list(zipped),
        zipped["d/model/big"] == metadata.content_hash,
    ]


def longpoll(dbx: dropbox.Dropbox) -> Any:
    cursor = dbx.files_list_folder_get_latest_cursor("").cursor
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(dbx.files_list_folder_longpoll, cursor)
        dbx.files_upload(b"x", "/new")
        changes = waiting.result().changes
    return [changes, [entry.name for entry in dbx.files_list_folder_continue(cursor).entries]]


def relocation(dbx: dropbox.Dropbox) -> Any:
    dbx.files_upload(b"x", "/a")
    copies = [files.RelocationPath("/a", "/b"), files.RelocationPath("/none", "/c")]
    job = dbx.files_copy_batch_v2(copies).get_async_job_id()
    polls = [dbx.files_copy_batch_check_v2(job) for _ in "12"]
    entries = polls[1].get_complete().entries
    moved = dbx.files_move_v2("/b", "/sub/b").metadata
    deleted = dbx.files_delete_v2("/a").metadata
    return [
        polls[0].is_in_progress(),
        [entry.is_success() for entry in entries],
        moved.path_display,
        type(deleted).__name__,
    ]


def errors(dbx: dropbox.Dropbox) -> Any:
    seen: list[Any] = []
    for attempt in (
        lambda: dbx.files_get_metadata("/none"),
        lambda: dbx.files_get_metadata("/"),
        lambda: dbx.files_upload_session_append_v2(b"x", cursor("none", 0)),
        lambda: dbx.files_download_zip("/none"),
        lambda: dropbox.Dropbox("unknown", session=dbx._session).check_user(),
    ):
        try:
            attempt()
        except dropbox.exceptions.DropboxException as error:
            seen.append([type(error).__name__, len(error.request_id)])
    return seen


def refresh(dbx: dropbox.Dropbox) -> Any:
    fresh = dropbox.Dropbox(
        oauth2_refresh_token=sys.argv[4], app_key=sys.argv[5], session=dbx._session, oauth2_access_token=None
    )
    return [fresh.check_user("hello").result, fresh.users_get_space_usage().used]


def append(dbx: dropbox.Dropbox, session: str, at: int) -> None:
    dbx.files_upload_session_append_v2(DATA[at : at + BLOCK], cursor(session, at))


def cursor(session_id: str, offset: int) -> files.UploadSessionCursor:
    return files.UploadSessionCursor(session_id=session_id, offset=offset)


if __name__ == "__main__":
    scenario, ca_file, access_token = sys.argv[1:4]
    client = dropbox.Dropbox(access_token, ca_certs=ca_file, max_retries_on_error=0, max_retries_on_rate_limit=0)
    print(json.dumps(globals()[scenario](client)))
