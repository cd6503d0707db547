"""The routes in use, and what each of them stands."""

from __future__ import annotations

from huracan_spool.stores.dropbox.wire import Route

# A commit of large files may take minutes: https://github.com/rclone/rclone/issues/5008
_COMMIT = 300.0

START_BATCH = Route.of("upload_session/start_batch")
START = Route.of("upload_session/start")
# Repeatable, because the offset in the answer to a repetition tells whether the first one arrived.
APPEND = Route.of("upload_session/append:2")
APPEND_BATCH = Route.of("upload_session/append_batch")
FINISH_BATCH = Route.of("upload_session/finish_batch:2", repeatable=False, patience=_COMMIT)
GET_METADATA = Route.of("get_metadata")
LIST_FOLDER = Route.of("list_folder")
LIST_FOLDER_CONTINUE = Route.of("list_folder/continue")
DOWNLOAD = Route.of("download")
DOWNLOAD_ZIP = Route.of("download_zip")
MOVE_BATCH = Route.of("move_batch:2", repeatable=False, patience=_COMMIT)
MOVE_BATCH_CHECK = Route.of("move_batch/check:2")
COPY_BATCH = Route.of("copy_batch:2", repeatable=False, patience=_COMMIT)
COPY_BATCH_CHECK = Route.of("copy_batch/check:2")

# The argument of an append_batch is a header, and 50 entries are 7.5 kB: many proxies take 8 KiB a line.
MOST_PIECES = 50
MOST_COMMITS = 1000
# The limit is 150 MiB; Dropbox's own uploader keeps this margin: https://github.com/dropbox/dbxcli
MOST_BYTES = 128 * 1024 * 1024
