"""`files/upload` and upload sessions, one file at a time."""

from __future__ import annotations

from typing import Any

from dropbox import files

from huracan_spool.emulator import metadata
from huracan_spool.emulator.account import Account
from huracan_spool.emulator.blobs import Content, Received
from huracan_spool.emulator.content_hash import EMPTY_HASH
from huracan_spool.emulator.endpoint import Call, Endpoint
from huracan_spool.emulator.failures import FinishFailure, RouteFailure, SessionFailure, WriteFailure
from huracan_spool.emulator.nodes import File
from huracan_spool.emulator.writing import Commit


def check_hash(claimed: str | None, body: Received, union: Any) -> None:
    if claimed is not None and claimed != body.content_hash:
        raise RouteFailure(union.content_hash_mismatch)


def upload(account: Account, call: Call) -> Any:
    body = call.received
    check_hash(call.arg.content_hash, body, files.UploadError)
    try:
        file = account.commit(call.route, Commit.from_arg(call.arg), Content.of(body.pieces))
    except WriteFailure as failure:
        # The bytes are not lost: another commit can take them from the session.
        session = account.sessions.start(account.now(), concurrent=False)
        session.store(0, body.pieces[0], close=True)
        failed = files.UploadWriteFailed(reason=failure.error, upload_session_id=session.id)
        raise RouteFailure(files.UploadError.path(failed)) from failure
    return metadata.of_file(file)


def start(account: Account, call: Call) -> Any:
    body, union = call.received, files.UploadSessionStartError
    concurrent = is_concurrent(call.arg)
    if concurrent and call.arg.close:
        raise RouteFailure(union.concurrent_session_close_not_allowed)
    if concurrent and body.size:
        raise RouteFailure(union.concurrent_session_data_not_allowed)
    check_hash(call.arg.content_hash, body, union)
    session = account.sessions.start(account.now(), concurrent=concurrent)
    if not concurrent:
        session.store(0, body.pieces[0], close=call.arg.close)
    return files.UploadSessionStartResult(session_id=session.id)


def append(account: Account, call: Call) -> None:
    """Version 1: the cursor is the argument, nothing can be closed or hashed."""
    _append(account, call.arg, call.received, close=False, content_hash=None)


def append_v2(account: Account, call: Call) -> None:
    arg = call.arg
    _append(account, arg.cursor, call.received, close=arg.close, content_hash=arg.content_hash)


def finish(account: Account, call: Call) -> Any:
    try:
        return metadata.of_file(finish_one(account, call, call.arg, in_batch=False))
    except (SessionFailure, FinishFailure, WriteFailure) as failure:
        raise RouteFailure(finish_error(failure)) from failure


def finish_one(account: Account, call: Call, arg: Any, *, in_batch: bool) -> File:
    """Commit one session; in a batch it comes without bytes.

    Raises `SessionFailure`, `FinishFailure` or `WriteFailure`. After the last the session still holds
    everything, this call's bytes included.
    """
    done = account.sessions.replayed(arg.cursor.session_id)
    if done is not None:
        return done
    session = account.sessions.find(arg.cursor.session_id, account.now())
    body = None if in_batch else call.received
    session.ready(arg.cursor.offset, body.size if body else 0, in_batch=in_batch)
    _check_finish_hash(account, arg.content_hash, body)
    if body is not None and body.size:
        session.store(arg.cursor.offset, body.pieces[0], close=False)
    file = account.commit(call.route, Commit.from_arg(arg.commit), session.content())
    account.sessions.finish(session, file)
    return file


def finish_error(failure: SessionFailure | FinishFailure | WriteFailure) -> Any:
    union = files.UploadSessionFinishError
    match failure:
        case SessionFailure():
            return union.lookup_failed(failure.spelled_in(files.UploadSessionLookupError))
        case FinishFailure():
            return getattr(union, failure.tag)
        case WriteFailure():
            return union.path(failure.error)


def is_concurrent(arg: Any) -> bool:
    return arg.session_type is not None and bool(arg.session_type.is_concurrent())


def _append(account: Account, cursor: Any, body: Received, *, close: bool, content_hash: str | None) -> None:
    union = files.UploadSessionAppendError
    try:
        session = account.sessions.find(cursor.session_id, account.now())
        session.admit(cursor.offset, body.size, close=close)
        check_hash(content_hash, body, union)
        session.store(cursor.offset, body.pieces[0], close=close)
    except SessionFailure as failure:
        raise RouteFailure(failure.spelled_in(union)) from failure


def _check_finish_hash(account: Account, claimed: str | None, body: Received | None) -> None:
    if claimed is None or (body is None and account.options.batch_entry_hash == "ignored"):
        return
    if claimed != (body.content_hash if body else EMPTY_HASH):
        raise FinishFailure("content_hash_mismatch")


def _endpoint(name: str, work: Any, *, locks: bool = False) -> Endpoint:
    return Endpoint("files", files.ROUTES[name], "files.content.write", work, locks)


ENDPOINTS = (
    _endpoint("upload", upload, locks=True),
    _endpoint("upload_session/start", start),
    _endpoint("upload_session/append", append),
    _endpoint("upload_session/append:2", append_v2),
    _endpoint("upload_session/finish", finish, locks=True),
)
