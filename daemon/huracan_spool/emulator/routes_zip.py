"""A folder and all that is in it as one download."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

from dropbox import files

from huracan_spool.emulator import metadata
from huracan_spool.emulator.account import Account
from huracan_spool.emulator.endpoint import Call, Endpoint, ZipDownload
from huracan_spool.emulator.failures import BadCall, LookupFailure, RouteFailure
from huracan_spool.emulator.nodes import File, Folder, files_below, walk
from huracan_spool.emulator.options import EmulatorOptions
from huracan_spool.emulator.zipping import Entry, zipped


def download_zip(account: Account, call: Call) -> ZipDownload:
    try:
        folder = account.tree.find_path(call.arg.path)
    except LookupFailure as failure:
        raise RouteFailure(files.DownloadZipError.path(failure.error)) from failure
    if not isinstance(folder, Folder):
        raise RouteFailure(files.DownloadZipError.path(files.LookupError.not_folder))
    if folder.parent is None:
        raise BadCall("path: The root folder is unsupported.")
    _check_limits(account.options, folder)
    # What changes from now on is not in it, however long it is under way.
    entries = tuple(_entries(folder, "", folder_entries=account.options.zip_folder_entries))
    return ZipDownload(
        files.DownloadZipResult(metadata=metadata.of(folder)),
        partial(zipped, entries, deflate=account.options.zip_deflates),
    )


def _check_limits(options: EmulatorOptions, folder: Folder) -> None:
    if sum(1 for _ in islice(walk(folder), options.zip_max_entries)) == options.zip_max_entries:
        raise RouteFailure(files.DownloadZipError.too_many_files)
    sizes = [file.revision.content.size for file in files_below(folder)]
    if sum(sizes) >= options.zip_max_bytes or max(sizes, default=0) >= options.zip_max_file_bytes:
        raise RouteFailure(files.DownloadZipError.too_large)


def _entries(node: File | Folder, prefix: str, *, folder_entries: bool) -> Iterator[Entry]:
    if isinstance(node, File):
        yield Entry(prefix + node.name, node.revision.content, node.revision.client_modified)
        return
    name = f"{prefix}{node.name}/"
    if folder_entries:
        yield Entry(name)
    for _, child in sorted(node.children.items()):
        yield from _entries(child, name, folder_entries=folder_entries)


ENDPOINTS = (Endpoint("files", files.ROUTES["download_zip"], "files.content.read", download_zip),)
