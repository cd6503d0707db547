"""Whose account it is, how full, and what the token may do: for commands, never for the daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dropbox import users

from huracan_spool.errors import NeedsPerson
from huracan_spool.stores.dropbox.api import NOWHERE, DropboxApi, Missing
from huracan_spool.stores.dropbox.wire import Route

_ACCOUNT = Route(users.ROUTES["get_current_account"], repeatable=True, patience=30.0, namespace="users")
_SPACE = Route(users.ROUTES["get_space_usage"], repeatable=True, patience=30.0, namespace="users")


@dataclass(frozen=True, slots=True)
class Account:
    account_id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes; `allocated` is None where the plan names none."""

    used: int
    allocated: int | None

    @property
    def free(self) -> int | None:
        return None if self.allocated is None else max(0, self.allocated - self.used)


async def account_of(api: DropboxApi) -> Account:
    found = await api.ask(_ACCOUNT)
    name = found.get("name")
    shown = name.get("display_name", "") if isinstance(name, dict) else ""
    return Account(str(found.get("account_id", "")), str(shown), str(found.get("email", "")))


async def space_of(api: DropboxApi) -> Space:
    found = await api.ask(_SPACE)
    allocation = found.get("allocation")
    return Space(_number(found, "used") or 0, _number(allocation, "allocated"))


def _number(document: Any, name: str) -> int | None:
    value = document.get(name) if isinstance(document, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


async def scopes_of(api: DropboxApi) -> dict[str, bool]:
    """Which scopes the token has, found by harmless calls: Dropbox says it of no token.

    Raises what has nothing to do with scopes.
    """
    tries: dict[str, Callable[[], Awaitable[object]]] = {
        "files.metadata.read": partial(api.get_metadata, NOWHERE),
        "files.content.read": partial(api.download, NOWHERE, limit=1),
        # The session is never used, and Dropbox forgets it after some days.
        "files.content.write": partial(api.start_sessions, 1, concurrent=False),
        "account_info.read": partial(account_of, api),
    }
    return {scope: await _is_granted(scope, call) for scope, call in tries.items()}


async def _is_granted(scope: str, call: Callable[[], Awaitable[object]]) -> bool:
    try:
        await call()
    except Missing:
        return True
    except NeedsPerson as error:
        if scope in error.hint:
            return False
        raise
    return True
