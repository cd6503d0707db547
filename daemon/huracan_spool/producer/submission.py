"""What became of a hand-over, and of the run afterwards."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from huracan_spool.errors import HuracanSpoolError
from huracan_spool.manifest import Kind
from huracan_spool.spool import protocol

SKIPPED = "skipped"
REFUSED = "refused"
PENDING = "pending"
UPLOADED = "uploaded"
FAILED = "failed"
UNKNOWN = "unknown"

T = TypeVar("T")

_FIRST_LOOK = 0.05  # seconds
_LONGEST_PAUSE = 2.0


class NotHandedOver(HuracanSpoolError):
    """With `strict`: the run is not in the spool; the reason says why, and what to do."""


class Submission:
    """`ok`: the run is in the spool, and the daemon's. Otherwise `error` says why.

    `skipped`: this process was not meant to write (turned off, or not rank 0), which is no error.
    """

    def __init__(
        self,
        *,
        run: str | None,
        error: str | None = None,
        skipped: bool = False,
        spool: Path | None = None,
        kinds: Collection[Kind] = (),
        manifest_sha256: str | None = None,
        strict: bool = False,
    ) -> None:
        self.run = run
        self.error = error
        self.skipped = skipped
        self._spool = spool
        self._kinds = frozenset(kinds)
        self._manifest_sha256 = manifest_sha256
        self._strict = strict

    @property
    def ok(self) -> bool:
        return self.error is None

    def __repr__(self) -> str:
        return f"Submission(run={self.run!r}, ok={self.ok}, error={self.error!r})"

    def status(self) -> str:
        """`pending`, `uploaded` or `failed`; `refused` or `skipped` when nothing was handed over.

        `unknown` when neither manifest nor receipt is there any more. Reads one small file and never waits.
        """
        if not self.ok:
            return SKIPPED if self.skipped else REFUSED
        pending = self._exists(protocol.manifest_name(str(self.run)))  # first: it goes after the receipt has come
        receipt = self.receipt()
        if receipt is not None:
            return UPLOADED if receipt.get("status") == UPLOADED else FAILED
        return PENDING if pending else UNKNOWN

    def receipt(self) -> dict[str, Any] | None:
        """The daemon's receipt, as it is documented; None as long as the run is not settled."""
        if self._spool is None or self.run is None:
            return None
        path = self._spool / protocol.RECEIPTS / protocol.receipt_name(self.run)
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(document, dict) or document.get("manifest_sha256") not in (None, self._manifest_sha256):
            return None  # of a later run under this name
        return document

    def results(self, timeout: float) -> dict[str, bool]:
        """Wait for the receipt, for `timeout` seconds at most; the pipeline's dictionary, one key for each kind.

        False means not uploaded, or not yet: `status()` tells which. With `strict` raises `TimeoutError` instead
        of not yet. The wait looks at growing intervals, up to 2 s.
        """
        from huracan_spool.receipt import results_of  # noqa: PLC0415 - 3 ms of an import that is to be quick

        receipt = wait_for(self.receipt, timeout if self.ok else 0.0, time.monotonic, time.sleep)
        if receipt is None and self.ok and self._strict:
            raise TimeoutError(f"{self.run} is not settled after {timeout:g} s")
        told = {} if receipt is None else receipt.get("results", {})
        return {key: bool(told.get(key, False)) for key in results_of(self._kinds, ok=False)}

    def _exists(self, name: str) -> bool:
        return self._spool is not None and os.path.lexists(self._spool / name)


def wait_for(
    look: Callable[[], T | None],
    timeout: float,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> T | None:
    """The first result of `look`, or None after `timeout` seconds."""
    end, pause = clock() + timeout, _FIRST_LOOK
    while (found := look()) is None and (left := end - clock()) > 0:
        sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return found
