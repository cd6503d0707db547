"""Metadata, listings and downloads."""

from __future__ import annotations

from typing import Any

from dropbox import files

from huracan_spool.emulator import entries, metadata, paths
from huracan_spool.emulator.account import Account
from huracan_spool.emulator.endpoint import Call, Download, Encoded, Endpoint
from huracan_spool.emulator.failures import BadCall, LookupFailure, RouteFailure
from huracan_spool.emulator.listing import Page
from huracan_spool.emulator.nodes import File, Node, path_display, path_lower
from huracan_spool.emulator.paths import MalformedPath


def get_metadata(account: Account, call: Call) -> Any:
    path = call.arg.path
    try:
        node = account.tree.root if path == "/" else _read(account, path)
    except LookupFailure as failure:
        deleted = _deleted(account, path) if call.arg.include_deleted else None
        if deleted is None:
            raise RouteFailure(files.GetMetadataError.path(failure.error)) from failure
        return deleted
    if node is account.tree.root:
        raise BadCall("request body: path: The root folder is unsupported.")
    return Encoded(entries.entry(node, path_lower(node), path_display(node)))


def download(account: Account, call: Call) -> Download:
    path = f"rev:{call.arg.rev}" if call.arg.rev else call.arg.path
    try:
        node = _read(account, path)
        if not isinstance(node, File):
            raise LookupFailure(files.LookupError.not_file)  # noqa: TRY301 - one error value for both
    except LookupFailure as failure:
        raise RouteFailure(files.DownloadError.path(failure.error)) from failure
    return Download(node)


def list_folder(account: Account, call: Call) -> Any:
    try:
        return _result(account.listings.first(_order(account, call.arg)))
    except LookupFailure as failure:
        raise RouteFailure(files.ListFolderError.path(failure.error)) from failure


def list_folder_latest(account: Account, call: Call) -> Any:
    try:
        cursor = account.listings.latest(_order(account, call.arg))
    except LookupFailure as failure:
        raise RouteFailure(files.ListFolderError.path(failure.error)) from failure
    return files.ListFolderGetLatestCursorResult(cursor=cursor)


def list_folder_continue(account: Account, call: Call) -> Any:
    try:
        return _result(account.listings.following(call.arg.cursor))
    except KeyError as error:
        raise BadCall('request body: cursor: Invalid "cursor" parameter') from error
    except LookupFailure as failure:
        raise RouteFailure(files.ListFolderContinueError.path(failure.error)) from failure


def _read(account: Account, path: str) -> Node:
    if path.startswith("rev:"):
        return account.tree.revision(path.removeprefix("rev:"))
    return account.tree.find_path(path)


def _deleted(account: Account, path: str) -> Any | None:
    try:
        lowered = "".join(f"/{paths.key(name)}" for name in paths.parse(path).names)
    except MalformedPath:
        return None
    display = account.tree.deleted.get(lowered)
    return None if display is None else metadata.of_deleted(lowered, display)


def _order(account: Account, arg: Any) -> Any:
    if arg.path == "/":
        raise BadCall('request body: path: Specify the root folder as an empty string rather than as "/".')
    return account.listings.order(
        arg.path,
        recursive=arg.recursive,
        include_deleted=arg.include_deleted,
        limit=arg.limit or account.options.page_entries,
    )


def _result(page: Page) -> Encoded:
    return Encoded(entries.result(page.entries, page.cursor, has_more=page.has_more))


def _endpoint(name: str, work: Any, scope: str = "files.metadata.read") -> Endpoint:
    return Endpoint("files", files.ROUTES[name], scope, work)


ENDPOINTS = (
    _endpoint("get_metadata", get_metadata),
    _endpoint("download", download, "files.content.read"),
    _endpoint("list_folder", list_folder),
    _endpoint("list_folder/continue", list_folder_continue),
    _endpoint("list_folder/get_latest_cursor", list_folder_latest),
)
