"""Copy, move, delete and create_folder, singly and in batches."""

from __future__ import annotations

from typing import Any

from dropbox import async_, files

from huracan_spool.emulator import metadata, relocation
from huracan_spool.emulator.account import Account
from huracan_spool.emulator.endpoint import Call, Endpoint
from huracan_spool.emulator.failures import RouteFailure, WriteFailure
from huracan_spool.emulator.jobs import Job


def copy(account: Account, call: Call) -> Any:
    return files.RelocationResult(metadata=_relocate(account, call, "copy", call.arg))


def move(account: Account, call: Call) -> Any:
    return files.RelocationResult(metadata=_relocate(account, call, "move", call.arg))


def copy_batch(account: Account, call: Call) -> Any:
    return _relocate_all(account, call, "copy")


def move_batch(account: Account, call: Call) -> Any:
    return _relocate_all(account, call, "move")


def copy_batch_check(account: Account, call: Call) -> Any:
    return _relocation_status(account, call, "copy")


def move_batch_check(account: Account, call: Call) -> Any:
    return _relocation_status(account, call, "move")


def delete(account: Account, call: Call) -> Any:
    return files.DeleteResult(metadata=_delete(account, call, call.arg))


def delete_batch(account: Account, call: Call) -> Any:
    entries = [_delete_entry(account, call, arg) for arg in call.acting(call.arg.entries)]
    job_id = account.jobs.launch("delete", entries, call.failures, account.now())
    return files.DeleteBatchLaunch.async_job_id(job_id)


def delete_batch_check(account: Account, call: Call) -> Any:
    job = _poll(account, call, "delete")
    if job is None:
        return files.DeleteBatchJobStatus.in_progress
    return files.DeleteBatchJobStatus.complete(files.DeleteBatchResult(entries=job.entries))


def create_folder(account: Account, call: Call) -> Any:
    try:
        folder = _create_folder(account, call, call.arg.path)
    except WriteFailure as failure:
        raise RouteFailure(files.CreateFolderError.path(failure.error)) from failure
    return files.CreateFolderResult(metadata=folder)


def create_folder_batch(account: Account, call: Call) -> Any:
    """Paths that are given twice count once."""
    wanted = list(dict.fromkeys(call.arg.paths))
    entries = [_create_entry(account, call, path) for path in call.acting(wanted)]
    launch = files.CreateFolderBatchLaunch
    if call.arg.force_async or len(wanted) > account.options.folder_batch_sync_entries:
        return launch.async_job_id(account.jobs.launch("folder", entries, call.failures, account.now()))
    return launch.complete(files.CreateFolderBatchResult(entries=entries))


def create_folder_batch_check(account: Account, call: Call) -> Any:
    job = _poll(account, call, "folder")
    if job is None:
        return files.CreateFolderBatchJobStatus.in_progress
    return files.CreateFolderBatchJobStatus.complete(files.CreateFolderBatchResult(entries=job.entries))


def _relocate(account: Account, call: Call, kind: str, arg: Any) -> Any:
    tree, autorename = account.tree, bool(call.arg.autorename)
    if kind == "copy":
        node = relocation.copy(tree, arg, account.date(), account.options.quota_bytes, autorename=autorename)
    else:
        node = relocation.move(tree, arg, account.date(), autorename=autorename)
    account.log_write(call.route, kind, node)
    return metadata.of(node)


def _relocate_all(account: Account, call: Call, kind: str) -> Any:
    entries = [_relocate_entry(account, call, kind, arg) for arg in call.acting(call.arg.entries)]
    launch = files.RelocationBatchV2Launch
    if account.options.relocation_batches == "sync":
        return launch.complete(files.RelocationBatchV2Result(entries=entries))
    return launch.async_job_id(account.jobs.launch(kind, entries, call.failures, account.now()))


def _relocate_entry(account: Account, call: Call, kind: str, arg: Any) -> Any:
    result = files.RelocationBatchResultEntry
    try:
        return result.success(_relocate(account, call, kind, arg))
    except RouteFailure as failure:
        return result.failure(files.RelocationBatchErrorEntry.relocation_error(failure.error))


def _relocation_status(account: Account, call: Call, kind: str) -> Any:
    job = _poll(account, call, kind)
    if job is None:
        return files.RelocationBatchV2JobStatus.in_progress
    return files.RelocationBatchV2JobStatus.complete(files.RelocationBatchV2Result(entries=job.entries))


def _delete(account: Account, call: Call, arg: Any) -> Any:
    node = relocation.delete(account.tree, arg.path, arg.parent_rev)
    account.log_write(call.route, "delete", node)
    return metadata.of(node)


def _delete_entry(account: Account, call: Call, arg: Any) -> Any:
    result = files.DeleteBatchResultEntry
    try:
        return result.success(files.DeleteBatchResultData(metadata=_delete(account, call, arg)))
    except RouteFailure as failure:
        return result.failure(failure.error)


def _create_folder(account: Account, call: Call, path: str) -> Any:
    folder = relocation.create_folder(account.tree, path, autorename=call.arg.autorename)
    account.log_write(call.route, "folder", folder)
    return metadata.of(folder)


def _create_entry(account: Account, call: Call, path: str) -> Any:
    result = files.CreateFolderBatchResultEntry
    try:
        return result.success(files.CreateFolderEntryResult(metadata=_create_folder(account, call, path)))
    except WriteFailure as failure:
        return result.failure(files.CreateFolderEntryError.path(failure.error))


def _poll(account: Account, call: Call, kind: str) -> Job | None:
    try:
        job = account.jobs.poll(kind, call.arg.async_job_id)
    except KeyError as error:
        raise RouteFailure(async_.PollError.invalid_async_job_id) from error
    if job is not None:
        call.failures = job.failures
    return job


def _endpoint(name: str, work: Any, *, locks: bool = False) -> Endpoint:
    return Endpoint("files", files.ROUTES[name], "files.content.write", work, locks)


ENDPOINTS = (
    _endpoint("copy:2", copy, locks=True),
    _endpoint("move:2", move, locks=True),
    _endpoint("copy_batch:2", copy_batch, locks=True),
    _endpoint("move_batch:2", move_batch, locks=True),
    _endpoint("copy_batch/check:2", copy_batch_check),
    _endpoint("move_batch/check:2", move_batch_check),
    _endpoint("delete:2", delete, locks=True),
    _endpoint("delete_batch", delete_batch, locks=True),
    _endpoint("delete_batch/check", delete_batch_check),
    _endpoint("create_folder:2", create_folder, locks=True),
    _endpoint("create_folder_batch", create_folder_batch, locks=True),
    _endpoint("create_folder_batch/check", create_folder_batch_check),
)
