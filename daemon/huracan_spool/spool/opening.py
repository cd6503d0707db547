"""Opening a run: every check on its files, so that what was checked is what is sent."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from huracan_spool.codes import Code
from huracan_spool.errors import Rejected
from huracan_spool.manifest import (
    MAX_MANIFEST_BYTES,
    Artifact,
    BadManifest,
    Kind,
    Manifest,
    parse_manifest,
)
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import Identity, OpenFile, open_regular, read_limited
from huracan_spool.threads import in_thread

MAX_ARTIFACT_BYTES = 2**41 - 2**22  # what a Dropbox file may have at most
# A file of holes costs its maker nothing and a reader hours. Compression can't be meant: no file system's gets far
# beyond a thirtieth.
MAY_BE_HOLES = 2**30
LEAST_STORED = 256  # of so many bytes, one must be on the disk


@dataclass(frozen=True)
class OpenRun:
    """A run whose manifest parses and whose files are open; `opened_run` closes them."""

    run: str
    manifest: Manifest
    manifest_file: OpenFile
    manifest_sha256: str
    files: Mapping[Kind, OpenFile]

    @property
    def total_bytes(self) -> int:
        return sum(file.identity.size for file in self.files.values())

    def changed_file(self) -> str | None:
        """The name of a file that was written to since it was opened."""
        return next((file.name for file in self.files.values() if not file.unchanged()), None)

    def make_durable(self, spool: Spool) -> None:
        """What is accepted survives a power cut, even if its producer did not care. Raises `OSError`."""
        for file in (*self.files.values(), self.manifest_file):
            os.fsync(file.fd)
        os.fsync(spool.root)


@dataclass(frozen=True, slots=True)
class PendingManifest:
    """A manifest as it lies in the spool; `manifest` is None when it is no valid one, `sha256` when too big."""

    identity: Identity
    sha256: str | None
    manifest: Manifest | None


def pending_manifest(spool: Spool, run: str) -> PendingManifest | None:
    """What a run's manifest says, without a look at its artifacts; None when it is no readable file.

    Raises `OSError`.
    """
    try:
        file = open_regular(spool.root, protocol.manifest_name(run))
    except Rejected:
        return None
    try:
        data = read_limited(file, MAX_MANIFEST_BYTES)
    finally:
        file.close()
    manifest = None
    with suppress(BadManifest):
        manifest = parse_manifest(data)
    sha256 = hashlib.sha256(data).hexdigest() if len(data) <= MAX_MANIFEST_BYTES else None
    return PendingManifest(file.identity, sha256, manifest)


def read_manifest(file: OpenFile) -> tuple[Manifest, str]:
    """The manifest and the sha256 of its bytes. Raises `BadManifest`."""
    data = read_limited(file, MAX_MANIFEST_BYTES)
    return parse_manifest(data), hashlib.sha256(data).hexdigest()


@asynccontextmanager
async def opened_run(spool: Spool, run: str, allowed_uids: frozenset[int] | None) -> AsyncIterator[OpenRun]:
    """Open the manifest and every artifact it names, until the block ends.

    In threads, for closing a large file that was removed takes its time. Raises `Withdrawn` when there is no
    manifest, `Rejected` for facts about the input, `OSError` for trouble of this host.
    """
    files = ExitStack()  # ours: a caller that is cancelled never gets what the thread returns
    try:
        yield await in_thread(_open_run, files, spool, run, allowed_uids)
    finally:
        await in_thread(files.close)


def _open_run(opened: ExitStack, spool: Spool, run: str, allowed_uids: frozenset[int] | None) -> OpenRun:
    manifest_file = _open_manifest(spool, run)
    opened.callback(manifest_file.close)
    _check_submitter(manifest_file, allowed_uids)
    manifest, sha256 = read_manifest(manifest_file)
    files = {}
    for artifact in manifest.artifacts:
        file = _open_artifact(spool, artifact)
        opened.callback(file.close)
        _check_artifact(artifact, file, manifest_file)
        files[artifact.kind] = file
    return OpenRun(run, manifest, manifest_file, sha256, {kind: files[kind] for kind in Kind if kind in files})


class Withdrawn(Exception):
    """The manifest is gone: its producer took it back, or it was settled meanwhile."""


def _open_manifest(spool: Spool, run: str) -> OpenFile:
    try:
        return open_regular(spool.root, protocol.manifest_name(run))
    except Rejected as rejected:
        if rejected.code == Code.MISSING_ARTIFACT:
            raise Withdrawn from rejected
        raise BadManifest(Code(rejected.code), rejected.reason) from rejected


def _check_submitter(manifest_file: OpenFile, allowed_uids: frozenset[int] | None) -> None:
    if allowed_uids is not None and manifest_file.uid not in allowed_uids | {0, os.geteuid()}:
        raise BadManifest(
            Code.WRONG_OWNER, f"user {manifest_file.uid} may not submit runs here (spool.allowed_uids)"
        )


def _open_artifact(spool: Spool, artifact: Artifact) -> OpenFile:
    try:
        return open_regular(spool.root, artifact.file)
    except Rejected as rejected:
        raise Rejected(rejected.code, rejected.reason, artifact=artifact.kind) from rejected


def _check_artifact(artifact: Artifact, file: OpenFile, manifest_file: OpenFile) -> None:
    size = file.identity.size
    if file.uid not in (manifest_file.uid, 0, os.geteuid()):
        raise Rejected(
            Code.WRONG_OWNER,
            f"{artifact.file!a} belongs to user {file.uid}, the manifest to user {manifest_file.uid}; "
            "a run's files must belong to whoever submits it",
            artifact=artifact.kind,
        )
    if artifact.size is not None and artifact.size != size:
        raise Rejected(
            Code.SIZE_MISMATCH,
            f"{artifact.file!a} has {size} bytes, the manifest says {artifact.size}; was the manifest "
            "published before the file was complete?",
            artifact=artifact.kind,
        )
    if size > MAX_ARTIFACT_BYTES:
        raise Rejected(
            Code.TOO_BIG,
            f"{artifact.file!a} has {size} bytes, Dropbox takes {MAX_ARTIFACT_BYTES} at most",
            artifact=artifact.kind,
        )
    stored = os.fstat(file.fd).st_blocks * 512
    if size > MAY_BE_HOLES and stored < size // LEAST_STORED:
        raise Rejected(
            Code.TOO_BIG,
            f"{artifact.file!a} claims {size} bytes, of which {stored} are on the disk: a file of holes; was it "
            "written at a wrong offset?",
            artifact=artifact.kind,
        )
