"""The error families, grouped by what the caller does about them.

=====================  =========================================================================
raised                 what follows
=====================  =========================================================================
`Rejected`             a fact about the input: the run goes to quarantine with the code
`TryAgain`             this call may be repeated; after the call's own retries, the run waits
`Unreachable`          as `TryAgain`, but nobody can reach the store: every run waits, one probes
`NeedsPerson`          the account or host must be mended first: every run waits, one probes
`Refused`              the store will never take this run: quarantine (`refused_by_store`)
`Unknown`              the call may or may not have taken effect: look before doing anything else
=====================  =========================================================================

Anything else that escapes is a defect of the daemon.
"""

from __future__ import annotations


class HuracanSpoolError(Exception):
    """Base of everything that this package raises on purpose."""


class Rejected(HuracanSpoolError):
    """An input that can't become an uploaded run.

    `code` is one of `huracan_spool.codes`; `reason` is a sentence that says what to do.
    """

    def __init__(self, code: str, reason: str, *, artifact: str | None = None) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.artifact = artifact


class StoreError(HuracanSpoolError):
    """The store did not do what was asked. `hint` tells an operator what to do, if anything."""

    hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class TryAgain(StoreError):
    """A passing failure. `retry_after` is the store's own wish in seconds, when it gave one.

    `most_attempts` is how often a call is made at most when it fails like this; None: as often as any.
    """

    most_attempts: int | None = None

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Unreachable(TryAgain):
    """No answer from the store at all: name resolution, connection, TLS, time-out."""


class Unknown(StoreError):
    """The request went out and no usable answer came back: it may have taken effect."""


class NeedsPerson(StoreError):
    """Nothing will work until somebody mends the account or the host."""


class Refused(StoreError):
    """The store will never accept this run as it is."""
