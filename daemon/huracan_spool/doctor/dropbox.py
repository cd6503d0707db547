"""Checks that ask Dropbox: the log-in, its scopes, the account's space."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from huracan_spool.connecting import for_a_question
from huracan_spool.doctor.finding import FAIL, OK, WARN, CantLook, Finding, Host, needed
from huracan_spool.errors import NeedsPerson, StoreError
from huracan_spool.settings import Settings
from huracan_spool.stores.dropbox.account import Space, scopes_of, space_of
from huracan_spool.stores.dropbox.login import NEEDED, WISHED

_LOGIN = "huracan-spool auth login"
_GB = 10**9


def login(host: Host) -> Iterator[Finding]:
    settings = needed(host)
    if not settings.uses_dropbox:
        raise CantLook("there is no log-in")
    if not settings.login.readable:
        raise CantLook(f"{settings.login.path} may not be read by this user: try it as root")
    try:
        scopes, space = asyncio.run(_ask(settings))
    except NeedsPerson as error:
        yield Finding(FAIL, str(error), error.hint or _LOGIN)
        return
    except StoreError as error:
        yield Finding(FAIL, f"Dropbox can't be asked: {error}", error.hint or "huracan-spool auth status")
        return
    if settings.dropbox.refresh_token is None:
        yield Finding(WARN, "an access token: most end after four hours", _LOGIN)
    else:
        yield Finding(OK, "Dropbox takes the refresh token")
    yield from _scopes(scopes)
    if space is not None:
        yield _quota(space)


async def _ask(settings: Settings) -> tuple[dict[str, bool], Space | None]:
    async with for_a_question(settings) as api:
        scopes = await scopes_of(api)
        return scopes, await space_of(api) if scopes[WISHED] else None


def _scopes(scopes: dict[str, bool]) -> Iterator[Finding]:
    fix = f"enable it in the Dropbox App Console (Permissions), then: {_LOGIN}"
    missing = [scope for scope in NEEDED if not scopes[scope]]
    for scope in missing:
        yield Finding(FAIL, f"the token lacks the scope {scope}", fix)
    if not scopes[WISHED]:
        yield Finding(WARN, f"without the scope {WISHED} the account's space is not known", fix)
    if not missing:
        yield Finding(OK, f"the scopes that uploads need are granted: {', '.join(NEEDED)}")


def _quota(space: Space) -> Finding:
    if space.free is None or not space.allocated:
        return Finding(OK, f"{space.used / _GB:.1f} GB used; the plan names no limit")
    says = f"the account has {space.free / _GB:.1f} GB free of {space.allocated / _GB:.1f} GB"
    fix = "free some space in Dropbox or buy more, then: systemctl kill -s USR1 huracan-spool"
    share = space.free / space.allocated
    if share < 0.01:
        return Finding(FAIL, says, fix)
    return Finding(WARN, says, fix) if share < 0.1 else Finding(OK, says)
