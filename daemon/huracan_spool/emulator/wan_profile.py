"""How far away an emulated Dropbox is, as figures. Seconds and bytes per second throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args

MIB = 1024 * 1024
LockMode = Literal["whole", "per_entry"]

# Fields that a person may change beside a profile's name; `calls` has no short spelling.
_FIXED = frozenset({"calls"})


@dataclass(frozen=True, kw_only=True)
class WanProfile:
    """Without arguments the other end of the cable: nothing costs time, nothing is limited.

    What a call costs its client:

    - a content call (upload or download style): `rtt` + body / bandwidth + `content_call`;
    - any other call: `rtt` + `rpc_call`; `calls` names the routes whose server time is another, and
      `append_entry` comes on top for each entry of an `append_batch`;
    - a call that changes the tree: all of that, then the wait for the namespace's lock, then its hold;
    - the first call on a connection: `connect_rtts` round trips more.

    The server's time comes after the body, so a call holds its share of the line only while bytes move. Each
    server time, holds included, is multiplied by its own draw from a log-normal distribution of median 1.

    A hold is `lock_single` for one file or folder, or `lock_batch` and `lock_entry` for each entry of a batch,
    and `lock_block` for every whole 4 MiB that are committed. In the mode `whole` a batch holds the lock once; in
    `per_entry` it lets go of it after each entry, the first bearing `lock_batch`, so that others get in between.
    Who waited `lock_wait` for the lock is refused: a single call with a 429, an entry by itself.

    Of the dossier's profile two guesses are left to `faults`: connections that break, and those closed for
    being idle.
    """

    rtt: float = 0.0
    connect_rtts: float = 0.0
    content_call: float = 0.0
    rpc_call: float = 0.0
    calls: Mapping[str, float] = field(default_factory=dict)
    append_entry: float = 0.0
    sigma: float = 0.0
    seed: int = 0

    connection_rate: float | None = None
    total_rate: float | None = None
    """Of all connections together; each direction has its own."""

    lock_single: float = 0.0
    lock_batch: float = 0.0
    lock_entry: float = 0.0
    lock_block: float = 0.0
    lock_mode: LockMode = "whole"
    lock_wait: float = 1.0

    calls_per_second: float | None = None
    retry_after: int | None = None
    """What a caller over the rate is told to wait, whatever would be enough."""

    def server_time(self, route: str, style: str, entries: int) -> float:
        """The median time between the last byte of the body and the answer or the lock."""
        usual = self.rpc_call if style == "rpc" else self.content_call
        extra = self.append_entry * entries if route == "files/upload_session/append_batch" else 0.0
        return self.calls.get(route, usual) + extra


_DOSSIER = WanProfile(
    rtt=0.08,
    connect_rtts=2,
    content_call=0.365,
    rpc_call=0.12,
    calls={
        "files/upload": 0.55,
        "files/upload_session/start": 0.38,
        "files/upload_session/start_batch": 0.15,
        "files/upload_session/finish": 0.68,
        # Half a second, and all of it under the lock.
        "files/upload_session/finish_batch": 0.0,
        "files/upload_session/finish_batch_v2": 0.0,
        "oauth2/token": 0.036,
    },
    append_entry=0.005,
    sigma=0.25,
    connection_rate=13.7 * MIB,
    total_rate=117e6,
    lock_single=0.161,
    lock_batch=0.5,
    lock_entry=0.045,
    lock_block=0.01,
    calls_per_second=12,
    retry_after=15,
)
_LINK = WanProfile(
    content_call=0.45,
    rpc_call=0.15,
    connection_rate=13 * MIB,
    total_rate=60 * MIB,
    lock_single=0.305,
    lock_batch=0.3,
    lock_entry=0.005,
)
PROFILES: Mapping[str, WanProfile] = {
    # Measured and guessed figures of the real service.
    "dossier": _DOSSIER,
    # The link is the limit, not the service. Nothing limits the number of calls.
    "link": _LINK,
    # As `link`, with the lock that the real service is thought to have.
    "heavy-lock": replace(_LINK, lock_single=0.345, lock_entry=0.045),
}


def parse_profile(text: str) -> WanProfile:
    """`link`, or with figures of one's own: `link,seed=3,calls_per_second=12`.

    Raises `ValueError` with a sentence that says what is possible.
    """
    name, *changes = text.split(",")
    if name not in PROFILES:
        raise ValueError(f"{name!r} is not one of {', '.join(PROFILES)}")
    return replace(PROFILES[name], **dict(_changed(change) for change in changes))  # type: ignore[arg-type]


def _changed(change: str) -> tuple[str, float | int | str]:
    name, _, value = change.partition("=")
    possible = [each.name for each in fields(WanProfile) if each.name not in _FIXED]
    if name not in possible:
        raise ValueError(f"{change!r} is not NAME=VALUE with one of {', '.join(possible)}")
    if name == "lock_mode":
        if value not in get_args(LockMode):
            raise ValueError(f"lock_mode is one of {', '.join(get_args(LockMode))}")
        return name, value
    try:
        return name, int(value) if name in {"seed", "retry_after"} else float(value)
    except ValueError as error:
        raise ValueError(f"{change!r} needs a number") from error
