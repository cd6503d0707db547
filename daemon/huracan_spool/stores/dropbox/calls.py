"""One call of the API: its token, its turn, its tries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

import structlog

from huracan_spool.errors import StoreError, TryAgain, Unknown
from huracan_spool.retry import CallRetry
from huracan_spool.stores.dropbox import wire
from huracan_spool.stores.dropbox.auth import TokenSource
from huracan_spool.stores.dropbox.body import Body, BytesBody
from huracan_spool.stores.dropbox.pacing import CallRate
from huracan_spool.stores.dropbox.reply import Reply
from huracan_spool.stores.dropbox.transport import Interrupted, Post, Silent, Transport

T = TypeVar("T")

# A page of a listing is the largest answer: 2,000 files of less than a kilobyte.
_LONGEST_RESULT = 8 * 1024 * 1024
_LONGEST_TOKEN = 64 * 1024
_TOKEN_PATIENCE = 30.0
# Of the 401s, these are about the token alone.
_TOKEN_REFUSED = (("expired_access_token",), ("invalid_access_token",))

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Call:
    """A route with its argument, and the body where the route takes bytes."""

    route: wire.Route
    arg: Mapping[str, Any]
    body: Body = field(default_factory=Body)
    longest: int = _LONGEST_RESULT


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes calls in turn, with a token, and again where that is safe and may help."""

    transport: Transport
    tokens: TokenSource
    rate: CallRate
    retry: CallRetry

    async def call(self, call: Call, read: Callable[[Reply], T], again: Callable[[Reply], T] | None = None) -> T:
        """What `read` makes of the reply, or `again` of the reply to a repetition.

        Repeats on `TryAgain`, whether the call or its reader raises it.
        """
        post = _post(call)
        attempts = 0

        async def attempt() -> T:
            nonlocal attempts
            attempts += 1
            reader = again if again is not None and attempts > 1 else read
            try:
                return reader(await self._authorized(call.route, post))
            except StoreError as error:
                route = call.route.name
                _log.debug("dropbox_call_failed", route=route, attempt=attempts, **_fields(error))
                raise

        return await self.retry(attempt)

    async def _authorized(self, route: wire.Route, post: Post) -> Reply:
        async with self.transport.lane(post.base):
            token = await self.tokens.token()
            reply = await self._once(route, post, token)
            if _refuses_token(reply) and await self.tokens.replace(token):
                return await self._once(route, post, await self.tokens.token())
            return reply

    async def _once(self, route: wire.Route, post: Post, token: str) -> Reply:
        await self.rate.turn()
        try:
            reply = await self.transport.send(post, token)
        except (Interrupted, Silent) as error:
            if route.repeatable:
                raise
            raise Unknown(f"{route.name}: {error}") from error
        freeze_for(reply, self.rate)
        return reply


def _refuses_token(reply: Reply) -> bool:
    return reply.status == HTTPStatus.UNAUTHORIZED and reply.tags in _TOKEN_REFUSED


def freeze_for(reply: Reply, rate: CallRate) -> None:
    """Dropbox counts rejected calls too, so a pause that it asks of one call is kept by all of them."""
    if reply.pause is not None:
        rate.freeze(reply.pause, "/".join(reply.tags) or f"status {reply.status}")
        if "too_many_write_operations" not in reply.tags:
            rate.slow_down()


def token_poster(transport: Transport, rate: CallRate) -> Callable[[Mapping[str, str]], Any]:
    """How `auth` reaches the token endpoint."""

    async def post(form: Mapping[str, str]) -> Reply:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = Body((BytesBody(urlencode(form).encode()),))
        await rate.turn()
        reply = await transport.send(
            Post("oauth", "/oauth2/token", headers, body, _TOKEN_PATIENCE, _LONGEST_TOKEN), token=None
        )
        freeze_for(reply, rate)
        return reply

    return post


def _post(call: Call) -> Post:
    request = wire.encode(call.route, call.arg)
    body = call.body if request.body is None else Body((BytesBody(request.body),))
    return Post(request.host, request.path, request.headers, body, call.route.patience, call.longest)


def _fields(error: StoreError) -> dict[str, object]:
    fields: dict[str, object] = {"error": type(error).__name__, "reason": str(error)}
    if isinstance(error, TryAgain) and error.retry_after is not None:
        fields["retry_after"] = error.retry_after
    return fields
