"""Why a call is not done, by the HTTP answer that follows.

The state raises the first four with Dropbox's own error values in them; a route puts them where its union
wants them and raises `RouteFailure`, and only the HTTP face knows statuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dropbox import files


class Failure(Exception):
    """Base of all answers that are not a success."""


class WriteFailure(Failure):
    """A `files.WriteError`: the path can't be written."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error

    @classmethod
    def malformed(cls) -> WriteFailure:
        return cls(files.WriteError.malformed_path(None))

    @classmethod
    def conflict(cls, kind: str) -> WriteFailure:
        """`kind` is `file`, `folder` or `file_ancestor`."""
        return cls(files.WriteError.conflict(getattr(files.WriteConflictError, kind)))


class LookupFailure(Failure):
    """A `files.LookupError`: nothing usable is at the path."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error

    @classmethod
    def malformed(cls) -> LookupFailure:
        return cls(files.LookupError.malformed_path(None))


class SessionFailure(Failure):
    """A fact about an upload session. Three unions of Dropbox spell these facts with the same tags."""

    def __init__(self, tag: str, correct_offset: int | None = None) -> None:
        super().__init__(tag)
        self.tag = tag
        self.correct_offset = correct_offset

    def spelled_in(self, union: Any) -> Any:
        """This fact as a value of `union`."""
        if self.correct_offset is None:
            return getattr(union, self.tag)
        offset = files.UploadSessionOffsetError(correct_offset=self.correct_offset)
        return union.incorrect_offset(offset)


class FinishFailure(Failure):
    """A void tag of `files.UploadSessionFinishError` itself, beside `lookup_failed`."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


class RouteFailure(Failure):
    """409: the error of the route, as its own union."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error


class BadCall(Failure):
    """400: the call is no call of this API. The message names the field."""


class AuthFailure(Failure):
    """401: an `auth.AuthError`."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error


class PathRootFailure(Failure):
    """422: a `common.PathRootError`."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error


class OverRate(Failure):
    """429: too many calls."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"again in {retry_after} s")
        self.retry_after = retry_after


class LockTaken(Failure):
    """429: others had the write lock for too long. Of a batch the entries fail instead."""


@dataclass(frozen=True)
class EntryFailure:
    """An error that a fault puts into a batch's answer for one entry, in wire form."""

    error: Any
    took_effect: bool
