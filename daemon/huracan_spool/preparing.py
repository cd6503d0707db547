"""Reading a run's files once, for what the store, the record and the receipt must know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from huracan_spool.codes import Code
from huracan_spool.content_hash import Fingerprint, Hasher, fingerprint
from huracan_spool.errors import Rejected
from huracan_spool.hashing import hash_some, hashed
from huracan_spool.manifest import Artifact, Kind
from huracan_spool.receipt import ArtifactReceipt
from huracan_spool.record import ArtifactFacts, build_record, run_digest
from huracan_spool.spool.files import OpenFile
from huracan_spool.spool.opening import OpenRun
from huracan_spool.stores.base import Content, PlannedRun
from huracan_spool.threads import all_done, in_thread

_SIDE_BY_SIDE = 64 * 1024 * 1024  # bytes from which on two threads hash, one for each of the two hashes


@dataclass(frozen=True, slots=True)
class ReadRun:
    """An open run whose files have been hashed and found as the manifest says."""

    entry: OpenRun
    fingerprints: Mapping[Kind, Fingerprint]
    digest: str

    def contents(self) -> dict[Kind, Content]:
        return {kind: Content(self.entry.files[kind].fd, found) for kind, found in self.fingerprints.items()}

    def artifact_receipts(self, paths: Mapping[Kind, tuple[str, ...]]) -> dict[Kind, ArtifactReceipt]:
        return {
            kind: ArtifactReceipt(
                file.name,
                file.identity,
                paths.get(kind, ()),
                self.fingerprints[kind].size,
                self.fingerprints[kind].sha256,
                self.fingerprints[kind].content_hash,
            )
            for kind, file in self.entry.files.items()
        }


async def read_run(entry: OpenRun) -> ReadRun:
    """Raises `Rejected` for a wrong hash or for files that change under our eyes."""
    fingerprints = await _fingerprints(entry.files)
    changed = entry.changed_file()
    if changed is not None:
        raise Rejected(
            Code.CHANGED_WHILE_READING,
            f"{changed!a} was written to while it was read; publish a run when its files are done",
        )
    for artifact in entry.manifest.artifacts:
        _check_sha256(artifact, fingerprints[artifact.kind])
    hashes = {kind: found.content_hash for kind, found in fingerprints.items()}
    return ReadRun(entry, fingerprints, run_digest(entry.manifest.symbol, entry.manifest.trained_at, hashes))


def plan_run(
    read: ReadRun,
    *,
    uploaded_at: str,
    host: str,
    uploader: str,
    tried_before: bool,
    inspection: Mapping[str, Any] | None,
) -> PlannedRun:
    manifest, files = read.entry.manifest, read.entry.files
    facts = {
        kind: ArtifactFacts(files[kind].name, found.size, found.sha256, found.content_hash)
        for kind, found in read.fingerprints.items()
    }
    record = build_record(
        manifest,
        facts,
        run=read.entry.run,
        digest=read.digest,
        uploaded_at=uploaded_at,
        host=host,
        inspection=inspection,
        uploader=uploader,
    )
    return PlannedRun(
        read.entry.run,
        manifest.symbol,
        manifest.trained_at,
        read.digest,
        read.contents(),
        Content(record, fingerprint(record)),
        tried_before=tried_before,
    )


async def _fingerprints(files: Mapping[Kind, OpenFile]) -> dict[Kind, Fingerprint]:
    """All but giants in one hop to a thread: hops are what a small run costs."""
    small = {kind: file for kind, file in files.items() if file.identity.size < _SIDE_BY_SIDE}
    found = await in_thread(_read_whole, small)
    for kind in files.keys() - small.keys():
        found[kind] = await _read(files[kind])
    return {kind: found[kind] for kind in files}


def _read_whole(files: Mapping[Kind, OpenFile]) -> dict[Kind, Fingerprint]:
    found = {}
    for kind, file in files.items():
        hasher, at = Hasher(), 0
        while count := hash_some(file.fd, at, hasher):
            at += count
        found[kind] = hasher.finish()
    return found


async def _read(file: OpenFile) -> Fingerprint:
    whole, blocks = await all_done([hashed(file.fd, Hasher(blocks=False)), hashed(file.fd, Hasher(whole=False))])
    return replace(blocks, sha256=whole.sha256)


def _check_sha256(artifact: Artifact, found: Fingerprint) -> None:
    if artifact.sha256 is not None and artifact.sha256 != found.sha256:
        raise Rejected(
            Code.SHA256_MISMATCH,
            f"{artifact.file!a} has the sha256 {found.sha256}, the manifest says {artifact.sha256}; "
            "was the file written again, or the manifest made from another one?",
            artifact=artifact.kind,
        )
