"""The routes in use, and what each of them stands."""

from __future__ import annotations

from dropbox import files

from huracan_spool.stores.dropbox.wire import Route

# A commit of large files may take minutes: https://github.com/rclone/rclone/issues/5008
_COMMIT = 300.0

START_BATCH = Route(files.upload_session_start_batch)
START = Route(files.upload_session_start)
# Repeatable, because the offset in the answer to a repetition tells whether the first one arrived.
APPEND = Route(files.upload_session_append_v2)
APPEND_BATCH = Route(files.upload_session_append_batch)
FINISH_BATCH = Route(files.upload_session_finish_batch_v2, repeatable=False, patience=_COMMIT)
GET_METADATA = Route(files.get_metadata)
LIST_FOLDER = Route(files.list_folder)
LIST_FOLDER_CONTINUE = Route(files.list_folder_continue)
DOWNLOAD = Route(files.download)
COPY = Route(files.copy_v2, repeatable=False, patience=_COMMIT)
MOVE_BATCH = Route(files.move_batch_v2, repeatable=False, patience=_COMMIT)
MOVE_BATCH_CHECK = Route(files.move_batch_check_v2)

# The argument of an append_batch is a header, and 50 entries are 7.5 kB: many proxies take 8 KiB a line.
MOST_PIECES = 50
MOST_COMMITS = 1000
# The limit is 150 MiB; Dropbox's own uploader keeps this margin: https://github.com/dropbox/dbxcli
MOST_BYTES = 128 * 1024 * 1024
