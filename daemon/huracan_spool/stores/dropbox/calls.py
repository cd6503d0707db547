"""One call of the API: its token, its turn, its tries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

import structlog

from huracan_spool.activity import Progress
from huracan_spool.errors import StoreError, TryAgain, Unknown, Unreachable
from huracan_spool.retry import CallRetry
from huracan_spool.stores.dropbox import wire
from huracan_spool.stores.dropbox.auth import TokenSource
from huracan_spool.stores.dropbox.body import Body, BytesBody
from huracan_spool.stores.dropbox.incoming import Sink
from huracan_spool.stores.dropbox.pacing import CallRate
from huracan_spool.stores.dropbox.reply import SUCCESSES, Reply
from huracan_spool.stores.dropbox.transport import Interrupted, Post, Silent, Transport
from huracan_spool.stores.dropbox.trouble import OutOfOrder, Streaks

T = TypeVar("T")

# A page of a listing is the largest answer: 2,000 files of less than a kilobyte.
_LONGEST_RESULT = 8 * 1024 * 1024
_LONGEST_TOKEN = 64 * 1024
_TOKEN_PATIENCE = 30.0
_LONG = 90.0  # seconds, after which Dropbox's front has usually given up itself
_WORTH_TELLING = 15.0  # seconds in which no call goes out, and nothing else would say why
# Of the 401s, these are about the token alone.
_TOKEN_REFUSED = (("expired_access_token",), ("invalid_access_token",))

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Call:
    """A route with its argument, and the body where the route takes bytes.

    Where it gives bytes, these may go `into` a sink, and `part` be a value of the header Range.
    """

    route: wire.Route
    arg: Mapping[str, Any] | None
    body: Body = field(default_factory=Body)
    longest: int = _LONGEST_RESULT
    into: Sink | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes calls in turn, with a token, and again where that is safe and may help."""

    transport: Transport
    tokens: TokenSource
    rate: CallRate
    retry: CallRetry
    progress: Progress
    streaks: Streaks

    async def call(self, call: Call, read: Callable[[Reply], T], again: Callable[[Reply], T] | None = None) -> T:
        """What `read` makes of the reply, or `again` of the reply to a repetition.

        Repeats on `TryAgain`, whether the call or its reader raises it.
        """
        post = _post(call)
        attempts = 0

        async def attempt() -> T:
            nonlocal attempts
            attempts += 1
            if attempts > 1:
                self.progress.repeats()
            reader = again if again is not None and attempts > 1 else read
            try:
                return await self._attempt(call.route, post, reader)
            except StoreError as error:
                route = call.route.name
                _log.debug("dropbox_call_failed", route=route, attempt=attempts, **_fields(error))
                raise

        return await self.retry(attempt)

    async def _attempt(self, route: wire.Route, post: Post, read: Callable[[Reply], T]) -> T:
        """Raises `OutOfOrder` when the route has not worked for a while, whoever called it."""
        reply = None
        try:
            reply = await self._authorized(route, post)
            result = read(reply)
        except StoreError as error:
            slow = isinstance(error, Silent) or isinstance(error.__cause__, Silent)
            if not _is_broken(reply, error):
                self.streaks.worked(route.name)
            elif self.streaks.failed(route.name, slow=slow):
                raise OutOfOrder(str(error), hint=error.hint or None) from error
            raise
        self.streaks.worked(route.name)
        return result

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
            with said_if_long(route.name, route.patience):
                reply = await told(self.progress, route.name, self.transport.send(post, token))
        except (Interrupted, Silent) as error:
            if route.repeatable:
                raise
            raise Unknown(f"{route.name}: {error}") from error
        freeze_for(reply, self.rate)
        return reply


async def told(progress: Progress, route: str, sending: Awaitable[Reply]) -> Reply:
    """The reply, after `progress` has been told how the call ended and how long it took."""
    began = time.monotonic()
    try:
        reply = await sending
    except StoreError as error:
        progress.called(route, outcome_of(error), time.monotonic() - began)
        raise
    progress.called(route, outcome_of(reply), time.monotonic() - began)
    return reply


@contextmanager
def said_if_long(route: str, most: float) -> Iterator[None]:
    """A line about what takes very long, and may take `most` seconds: nothing else would tell of it."""
    if most <= _LONG:
        yield
        return
    saying = partial(
        _log.warning,
        "dropbox_takes_long",
        route=route,
        seconds=_LONG,
        action=f"none: after {most:.0f} s a look tells what became of it",
    )
    timer = asyncio.get_running_loop().call_later(_LONG, saying)
    try:
        yield
    finally:
        timer.cancel()


def _is_broken(reply: Reply | None, error: StoreError) -> bool:
    """Whether this is no answer of Dropbox's to this call, and would be none to another either."""
    if reply is None:  # not even that; but a wait that Dropbox asks for is kept by all calls anyway
        return isinstance(error, Unknown) or (isinstance(error, TryAgain) and error.retry_after is None)
    unreadable = reply.status == HTTPStatus.OK and isinstance(error, Unknown)
    return unreadable or isinstance(error, Unreachable) or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def outcome_of(end: Reply | StoreError) -> str:
    """A word for a metric's label: a short list, whatever Dropbox answers."""
    match end:
        case Silent():
            return "silent"
        case Unreachable():
            return "unreachable"
        case StoreError():
            return "interrupted"
        case Reply(status=status) if status in SUCCESSES:
            return "ok"
        case Reply(status=HTTPStatus.TOO_MANY_REQUESTS):
            return "rate_limited"
        case Reply(status=status):
            return "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "refused"


def _refuses_token(reply: Reply) -> bool:
    return reply.status == HTTPStatus.UNAUTHORIZED and reply.tags in _TOKEN_REFUSED


def freeze_for(reply: Reply, rate: CallRate) -> None:
    """Dropbox counts rejected calls too, so a pause that it asks of one call is kept by all of them."""
    if reply.pause is not None:
        reason = "/".join(reply.tags) or f"status {reply.status}"
        if reply.pause >= _WORTH_TELLING and rate.frozen is None:
            _log.warning(
                "dropbox_asks_to_wait", reason=reason, seconds=reply.pause, action="none: it goes on by itself"
            )
        rate.freeze(reply.pause, reason)
        if "too_many_write_operations" not in reply.tags:
            rate.slow_down()


def token_poster(
    transport: Transport, rate: CallRate, progress: Progress
) -> Callable[[Mapping[str, str]], Awaitable[Reply]]:
    """How `auth` reaches the token endpoint."""

    async def post(form: Mapping[str, str]) -> Reply:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = Body((BytesBody(urlencode(form).encode()),))
        await rate.turn()
        request = Post("oauth", "/oauth2/token", headers, body, _TOKEN_PATIENCE, _LONGEST_TOKEN)
        reply = await told(progress, "oauth2/token", transport.send(request, token=None))
        freeze_for(reply, rate)
        return reply

    return post


def _post(call: Call) -> Post:
    request = wire.encode(call.route, call.arg)
    body = call.body if request.body is None else Body((BytesBody(request.body),))
    headers = request.headers if call.part is None else {**request.headers, "Range": call.part}
    return Post(request.host, request.path, headers, body, call.route.patience, call.longest, call.into)


def _fields(error: StoreError) -> dict[str, object]:
    fields: dict[str, object] = {"error": type(error).__name__, "reason": str(error)}
    if isinstance(error, TryAgain) and error.retry_after is not None:
        fields["retry_after"] = error.retry_after
    return fields
