"""Why a run failed: the closed list that receipts, `reason.json` and logs use."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    BAD_MANIFEST = "bad_manifest"
    UNSUPPORTED_VERSION = "unsupported_version"
    BAD_SYMBOL = "bad_symbol"
    MISSING_ARTIFACT = "missing_artifact"
    NOT_REGULAR = "not_regular"
    UNREADABLE = "unreadable"
    WRONG_OWNER = "wrong_owner"
    SIZE_MISMATCH = "size_mismatch"
    SHA256_MISMATCH = "sha256_mismatch"
    CHANGED_WHILE_READING = "changed_while_reading"
    BROKEN_ARTIFACT = "broken_artifact"
    INSPECTION_FAILED = "inspection_failed"
    TOO_BIG = "too_big"
    REFUSED_BY_STORE = "refused_by_store"
    GAVE_UP = "gave_up"
    INTERNAL_ERROR = "internal_error"


MEANINGS: dict[Code, str] = {
    Code.BAD_MANIFEST: "the manifest is no valid manifest; the reason names every problem",
    Code.UNSUPPORTED_VERSION: "the manifest's version is not 1",
    Code.BAD_SYMBOL: "the symbol is not letters and digits joined by / - _ or :",
    Code.MISSING_ARTIFACT: "a file that the manifest names was not in the spool when its time was up",
    Code.NOT_REGULAR: "a link, FIFO, socket, device or folder stands where a file should be",
    Code.UNREADABLE: "the daemon may not read a file: chmod g+r before the manifest is published",
    Code.WRONG_OWNER: "an artifact belongs to another user than the manifest, or the user may not submit",
    Code.SIZE_MISMATCH: "a file does not have the size that the manifest declares",
    Code.SHA256_MISMATCH: "a file does not have the sha256 that the manifest declares",
    Code.CHANGED_WHILE_READING: "a file kept changing while it was read",
    Code.BROKEN_ARTIFACT: "inspection found a file that nobody could open",
    Code.INSPECTION_FAILED: "inspection itself failed twice on this run",
    Code.TOO_BIG: "a file or manifest is larger than the limit",
    Code.REFUSED_BY_STORE: "the store will not take this run; the reason quotes its answer",
    Code.GAVE_UP: "the run could not be uploaded within retry.give_up",
    Code.INTERNAL_ERROR: "a defect of the daemon stopped this run three times",
}
