"""Who we are to Dropbox: a fixed access token, or a refresh token from which short-lived ones are made.

No token is ever part of a repr, a message or a log field.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from huracan_spool.errors import NeedsPerson, StoreError, TryAgain, Unreachable
from huracan_spool.stores.dropbox.classify import LOG_IN_AGAIN
from huracan_spool.stores.dropbox.reply import Reply

# Renewed this long before the end, so that a token never runs out while a body is on its way.
_EARLY = 300.0
# After a failed early renewal the old token, still good, is used this long before the next attempt.
_PATIENCE = 30.0
_USUAL_LIFE = 14400.0
# https://www.rfc-editor.org/rfc/rfc6749#section-5.2: of its errors only these say that the log-in is void.
_LOG_IN_VOID = ("invalid_grant", "invalid_client")
_CODE = re.compile(r"[a-z_]{1,40}")

PostForm = Callable[[Mapping[str, str]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """`access_token` alone, or `refresh_token` with `app_key` (and `app_secret` for an app that has one)."""

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    app_key: str | None = field(default=None, repr=False)
    app_secret: str | None = field(default=None, repr=False)


class TokenSource(Protocol):
    async def token(self) -> str:
        """A token that is good as far as is known. Raises what making one can raise."""

    async def replace(self, refused: str) -> bool:
        """Called when the server refused a token as expired or invalid: is there another one now?"""

    def good_for(self) -> float | None:
        """The seconds that the present token lasts, as far as is known."""


class FixedToken:
    """A token that somebody put into the configuration; nobody but them can replace it."""

    def __init__(self, token: str) -> None:
        if not _is_printable(token):
            raise NeedsPerson("dropbox.access_token is no token: it is empty, or has blanks or odd characters")
        self._token = token

    async def token(self) -> str:
        return self._token

    async def replace(self, refused: str) -> bool:  # noqa: ARG002 - there is nothing to compare it with
        return False

    def good_for(self) -> float | None:
        return None


@dataclass(frozen=True, slots=True)
class _Issued:
    token: str = field(repr=False)
    expires: float


class RefreshingToken:
    """Makes access tokens from a refresh token, with one request at a time for all who ask.

    Everybody who came while a request was under way shares its outcome, good or bad. A cancelled request has
    no outcome: the next in line makes its own.
    """

    def __init__(
        self, credentials: Credentials, post: PostForm, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._form = _refresh_form(credentials)
        self._post = post
        self._clock = clock
        self._issued: _Issued | None = None
        self._outcome: _Issued | StoreError | None = None
        self._early_again = clock()
        self._turn = asyncio.Lock()

    async def token(self) -> str:
        issued = self._issued
        if issued is None or self._clock() >= issued.expires:
            return await self._refresh()
        if self._clock() >= max(issued.expires - _EARLY, self._early_again):
            return await self._refresh_early(issued)
        return issued.token

    async def replace(self, refused: str) -> bool:
        if self._issued is not None and self._issued.token == refused:
            self._issued = None
        return await self.token() != refused

    def good_for(self) -> float | None:
        return self._issued.expires - self._clock() if self._issued else None

    async def _refresh_early(self, issued: _Issued) -> str:
        try:
            return await self._refresh()
        except TryAgain:
            self._early_again = self._clock() + _PATIENCE
            return issued.token

    async def _refresh(self) -> str:
        seen = self._outcome
        async with self._turn:
            outcome = self._outcome
            if outcome is None or outcome is seen:
                outcome = self._outcome = await self._ask()
        if isinstance(outcome, StoreError):
            raise outcome
        return outcome.token

    async def _ask(self) -> _Issued | StoreError:
        try:
            self._issued = issued_by(await self._post(self._form), self._clock())
        except StoreError as error:
            return error
        return self._issued


def _refresh_form(credentials: Credentials) -> dict[str, str]:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": credentials.refresh_token or "",
        "client_id": credentials.app_key or "",
    }
    return {**form, "client_secret": credentials.app_secret} if credentials.app_secret else form


def issued_by(reply: Reply, now: float) -> _Issued:
    """The token in an answer of the token endpoint. Raises `NeedsPerson` when the log-in is void."""
    document = reply.document()
    if reply.status != HTTPStatus.OK:
        raise _not_issued(reply, document.get("error"))
    life = document.get("expires_in")
    expires = now + (float(life) if isinstance(life, int | float) else _USUAL_LIFE)
    return _Issued(_token_in(document, "access_token"), expires)


def refresh_token_in(reply: Reply) -> str:
    """What the exchange of a code was for. Raises as `issued_by` does, `NeedsPerson` for a code that is no good."""
    if reply.status != HTTPStatus.OK:
        raise _not_issued(reply, reply.document().get("error"))
    return _token_in(reply.document(), "refresh_token")


def _token_in(document: Mapping[str, object], name: str) -> str:
    token = document.get(name)
    if not isinstance(token, str) or not _is_printable(token):
        raise Unreachable("oauth2/token: 200 without a token", hint="does this network want a log-in?")
    return token


def _not_issued(reply: Reply, error: object) -> StoreError:
    # Only a code is quoted, and only if it looks like one: an answer may echo a request full of secrets.
    code = error if isinstance(error, str) and _CODE.fullmatch(error) else "without a reason"
    message = f"oauth2/token: {reply.status} {code} (request {reply.request_id})"
    if error in _LOG_IN_VOID and reply.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED):
        return NeedsPerson(message, hint=LOG_IN_AGAIN)
    return TryAgain(message, retry_after=reply.pause)


def _is_printable(token: str) -> bool:
    return re.fullmatch(r"[\x21-\x7e]+", token) is not None


def token_source(credentials: Credentials, post: PostForm, *, clock: Callable[[], float]) -> TokenSource:
    """The refreshing kind when there is a refresh token."""
    if credentials.refresh_token:
        return RefreshingToken(credentials, post, clock=clock)
    return FixedToken(credentials.access_token or "")
