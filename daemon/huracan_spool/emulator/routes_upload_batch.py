"""Upload sessions many at a time. Entries are taken in order, and each succeeds or fails by itself."""

from __future__ import annotations

from typing import Any

from dropbox import async_, files

from huracan_spool.emulator import metadata
from huracan_spool.emulator.account import Account
from huracan_spool.emulator.blobs import Piece
from huracan_spool.emulator.endpoint import Call, Endpoint
from huracan_spool.emulator.failures import (
    BadCall,
    FinishFailure,
    RouteFailure,
    SessionFailure,
    WriteFailure,
)
from huracan_spool.emulator.routes_upload import check_hash, finish_error, finish_one, is_concurrent

FINISH_JOB = "finish_batch"


def start_batch(account: Account, call: Call) -> Any:
    concurrent = is_concurrent(call.arg)
    started = [account.sessions.start(account.now(), concurrent=concurrent) for _ in range(call.arg.num_sessions)]
    return files.UploadSessionStartBatchResult(session_ids=[session.id for session in started])


def append_batch(account: Account, call: Call) -> Any:
    """The two errors of the whole call store nothing."""
    union, body = files.UploadSessionAppendBatchError, call.received
    if sum(entry.length for entry in call.arg.entries) != body.size:
        raise RouteFailure(union.length_mismatch)
    check_hash(call.arg.content_hash, body, union)
    pairs = call.acting(zip(call.arg.entries, body.pieces, strict=True))
    results = [_append_entry(account, entry, piece) for entry, piece in pairs]
    return files.UploadSessionAppendBatchResult(entries=results)


def finish_batch_v2(account: Account, call: Call) -> Any:
    return files.UploadSessionFinishBatchResult(entries=_finish_entries(account, call))


def finish_batch(account: Account, call: Call) -> Any:
    """Version 1 is a job, and a job that begins while another is under way loses the race for the lock."""
    if account.jobs.is_running(FINISH_JOB, account.now()):
        error = files.UploadSessionFinishError.too_many_write_operations
        entries = [files.UploadSessionFinishBatchResultEntry.failure(error) for _ in call.acting(call.arg.entries)]
    else:
        entries = _finish_entries(account, call)
    job_id = account.jobs.launch(FINISH_JOB, entries, call.failures, account.now())
    return files.UploadSessionFinishBatchLaunch.async_job_id(job_id)


def finish_batch_check(account: Account, call: Call) -> Any:
    status = files.UploadSessionFinishBatchJobStatus
    try:
        job = account.jobs.poll(FINISH_JOB, call.arg.async_job_id)
    except KeyError as error:
        raise RouteFailure(async_.PollError.invalid_async_job_id) from error
    if job is None:
        return status.in_progress
    call.failures = job.failures
    return status.complete(files.UploadSessionFinishBatchResult(entries=job.entries))


def _append_entry(account: Account, entry: Any, piece: Piece) -> Any:
    result = files.UploadSessionAppendBatchResultEntry
    try:
        session = account.sessions.find(entry.cursor.session_id, account.now())
        session.admit(entry.cursor.offset, piece.size, close=entry.close)
        session.store(entry.cursor.offset, piece, close=entry.close)
    except SessionFailure as failure:
        return result.failure(failure.spelled_in(files.UploadSessionAppendBatchEntryError))
    return result.success


def _finish_entries(account: Account, call: Call) -> list[Any]:
    if not call.arg.entries and account.options.empty_batch == "refused":
        raise BadCall("request body: entries: a batch must have at least one entry")
    return [_finish_entry(account, call, entry) for entry in call.acting(call.arg.entries)]


def _finish_entry(account: Account, call: Call, entry: Any) -> Any:
    result = files.UploadSessionFinishBatchResultEntry
    try:
        return result.success(metadata.of_file(finish_one(account, call, entry, in_batch=True)))
    except (SessionFailure, FinishFailure, WriteFailure) as failure:
        return result.failure(finish_error(failure))


def _endpoint(name: str, work: Any, *, locks: bool = False) -> Endpoint:
    return Endpoint("files", files.ROUTES[name], "files.content.write", work, locks)


ENDPOINTS = (
    _endpoint("upload_session/start_batch", start_batch),
    _endpoint("upload_session/append_batch", append_batch),
    _endpoint("upload_session/finish_batch", finish_batch, locks=True),
    _endpoint("upload_session/finish_batch:2", finish_batch_v2, locks=True),
    _endpoint("upload_session/finish_batch/check", finish_batch_check),
)
