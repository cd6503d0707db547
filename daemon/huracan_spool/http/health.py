"""Whether the daemon can do its work: the answers of /healthz and /readyz."""

from __future__ import annotations

from dataclasses import dataclass

from huracan_spool.http.view import Picture


@dataclass(frozen=True, slots=True)
class Check:
    """`trouble` is None when all is well, else a sentence with what to do."""

    name: str
    trouble: str | None

    def __str__(self) -> str:
        return f"fail {self.name}: {self.trouble}" if self.trouble else f"ok {self.name}"


def checks(picture: Picture) -> tuple[Check, ...]:
    return (
        Check("spool", _spool(picture)),
        Check("store", _store(picture)),
        Check("daemon", "it is stopping" if picture.standing.stopping else None),
    )


def is_ready(picture: Picture) -> bool:
    return not any(check.trouble for check in checks(picture))


def _spool(picture: Picture) -> str | None:
    activity = picture.activity
    trouble = picture.disk.trouble or activity.rescan_error
    if trouble:
        return f"{picture.spool} can't be read: {trouble}"
    return None if activity.rescan else "the first look at it is still going on"


def _store(picture: Picture) -> str | None:
    """Credentials, account and network show as a pause: every run that meets trouble with them makes one."""
    paused = picture.standing.paused
    if paused is None:
        return None
    return f"{paused.reason}; {paused.hint or 'tried again by itself'}"
