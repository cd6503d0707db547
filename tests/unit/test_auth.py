from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from huracan_spool.errors import NeedsPerson, StoreError, TryAgain, Unreachable
from huracan_spool.stores.dropbox.auth import Credentials, FixedToken, RefreshingToken, token_source
from huracan_spool.stores.dropbox.reply import Reply

CREDENTIALS = Credentials(refresh_token="refresh-SECRET", app_key="key", app_secret="app-SECRET")


class TokenEndpoint:
    """Issues token-1, token-2, …, or gives the replies and errors that are queued."""

    def __init__(self, *queued: Reply | StoreError) -> None:
        self.queued = list(queued)
        self.forms: list[dict[str, str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, form: Mapping[str, str]) -> Reply:
        self.forms.append(dict(form))
        number = len(self.forms)
        await self.open.wait()
        if not self.queued:
            return issue(f"token-{number}")
        answer = self.queued.pop(0)
        if isinstance(answer, StoreError):
            raise answer
        return answer


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def issue(token: str) -> Reply:
    body = {"token_type": "bearer", "access_token": token, "expires_in": 14400}
    return Reply(200, {"content-type": "text/javascript"}, json.dumps(body).encode())


def refusal(status: int, error: str) -> Reply:
    body = {"error": error, "error_description": "refresh-SECRET is bad"}
    return Reply(status, {}, json.dumps(body).encode())


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_token_is_made_once_and_kept(clock):
    endpoint = TokenEndpoint()
    tokens = RefreshingToken(CREDENTIALS, endpoint, clock=clock)

    assert [await tokens.token() for _ in range(3)] == ["token-1"] * 3
    assert endpoint.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "refresh-SECRET",
            "client_id": "key",
            "client_secret": "app-SECRET",
        }
    ]


async def test_an_app_without_a_secret_sends_none(clock):
    endpoint = TokenEndpoint()

    await RefreshingToken(Credentials(refresh_token="r", app_key="k"), endpoint, clock=clock).token()

    assert "client_secret" not in endpoint.forms[0]


async def test_twenty_callers_share_one_refresh(clock):
    endpoint = TokenEndpoint()
    endpoint.open.clear()
    tokens = RefreshingToken(CREDENTIALS, endpoint, clock=clock)
    callers = [asyncio.create_task(tokens.token()) for _ in range(20)]
    await asyncio.sleep(0)

    endpoint.open.set()

    assert await asyncio.gather(*callers) == ["token-1"] * 20
    assert len(endpoint.forms) == 1


async def test_twenty_callers_share_one_failure_and_the_next_asks_anew(clock):
    endpoint = TokenEndpoint(Reply(500, {}, b""))
    endpoint.open.clear()
    tokens = RefreshingToken(CREDENTIALS, endpoint, clock=clock)
    callers = [asyncio.create_task(tokens.token()) for _ in range(20)]
    await asyncio.sleep(0)

    endpoint.open.set()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {TryAgain}
    assert len(endpoint.forms) == 1
    assert await tokens.token() == "token-2"


async def test_a_cancelled_refresh_is_made_by_the_next_in_line(clock):
    endpoint = TokenEndpoint()
    endpoint.open.clear()
    tokens = RefreshingToken(CREDENTIALS, endpoint, clock=clock)
    first, second = asyncio.create_task(tokens.token()), asyncio.create_task(tokens.token())
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    endpoint.open.set()

    assert await second == "token-2"


async def test_twenty_refused_calls_replace_the_token_once(clock):
    endpoint = TokenEndpoint()
    tokens = RefreshingToken(CREDENTIALS, endpoint, clock=clock)
    refused = await tokens.token()

    assert await asyncio.gather(*[tokens.replace(refused) for _ in range(20)]) == [True] * 20
    assert await tokens.token() == "token-2"
    assert len(endpoint.forms) == 2


async def test_a_late_refusal_of_an_old_token_does_not_throw_away_the_new_one(clock):
    endpoint = TokenEndpoint()
    tokens = RefreshingToken(CREDENTIALS, endpoint, clock=clock)
    old = await tokens.token()
    await tokens.replace(old)

    assert await tokens.replace(old)
    assert len(endpoint.forms) == 2


async def test_the_same_token_again_is_no_replacement(clock):
    tokens = RefreshingToken(CREDENTIALS, TokenEndpoint(issue("same"), issue("same")), clock=clock)

    assert not await tokens.replace(await tokens.token())


@pytest.mark.parametrize(("age", "token"), [(14_099, "token-1"), (14_100, "token-2"), (20_000, "token-2")])
async def test_a_token_is_renewed_five_minutes_before_its_end(clock, age, token):
    tokens = RefreshingToken(CREDENTIALS, TokenEndpoint(), clock=clock)
    await tokens.token()

    clock.now = age

    assert await tokens.token() == token


async def test_a_failed_early_renewal_goes_on_with_the_old_token_for_a_while(clock):
    endpoint = TokenEndpoint(issue("old"), Unreachable("no network"))
    tokens = RefreshingToken(CREDENTIALS, endpoint, clock=clock)
    await tokens.token()

    clock.now = 14_200
    assert [await tokens.token() for _ in range(3)] == ["old"] * 3
    assert len(endpoint.forms) == 2

    clock.now = 14_230
    assert await tokens.token() == "token-3"


async def test_a_failed_renewal_of_an_expired_token_is_an_error(clock):
    tokens = RefreshingToken(CREDENTIALS, TokenEndpoint(issue("old"), Unreachable("no network")), clock=clock)
    await tokens.token()

    clock.now = 14_400

    with pytest.raises(Unreachable):
        await tokens.token()


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client"])
async def test_a_void_log_in_needs_a_person_and_quotes_no_secret(clock, status, error):
    tokens = RefreshingToken(CREDENTIALS, TokenEndpoint(refusal(status, error)), clock=clock)

    with pytest.raises(NeedsPerson, match=error) as caught:
        await tokens.token()

    assert "new token" in caught.value.hint
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "temporarily_unavailable"),
        refusal(500, "invalid_grant"),
        Reply(400, {}, b"<html>"),
        Reply(401, {}, b'{"error": {".tag": "other"}}'),
        Reply(200, {}, b"<html>"),
        Reply(200, {}, b'{"access_token": ""}'),
        Reply(200, {}, b'{"access_token": "two\\nlines"}'),
        Reply(302, {}, b""),
    ],
)
async def test_any_other_answer_passes(clock, answer):
    tokens = RefreshingToken(CREDENTIALS, TokenEndpoint(answer), clock=clock)

    with pytest.raises(TryAgain):
        await tokens.token()

    assert await tokens.token() == "token-2"


async def test_a_rate_limit_at_the_token_endpoint_says_how_long(clock):
    tokens = RefreshingToken(CREDENTIALS, TokenEndpoint(Reply(429, {"retry-after": "9"}, b"")), clock=clock)

    with pytest.raises(TryAgain) as caught:
        await tokens.token()

    assert caught.value.retry_after == 9.0


async def test_a_fixed_token_can_not_be_replaced():
    tokens = FixedToken("fixed")

    assert await tokens.token() == "fixed"
    assert not await tokens.replace("fixed")


@pytest.mark.parametrize("token", ["", "two words", "line\n", "tökén"])
def test_what_can_not_be_a_token_is_told_at_once_without_quoting_it(token):
    with pytest.raises(NeedsPerson) as caught:
        FixedToken(token)

    assert not token or token not in str(caught.value)


def test_the_credentials_decide_the_kind(clock):
    endpoint = TokenEndpoint()

    assert isinstance(token_source(Credentials(access_token="t"), endpoint, clock=clock), FixedToken)
    assert isinstance(token_source(CREDENTIALS, endpoint, clock=clock), RefreshingToken)


async def test_no_repr_shows_a_secret(clock):
    tokens = RefreshingToken(CREDENTIALS, TokenEndpoint(issue("SECRET-token")), clock=clock)
    await tokens.token()

    shown = repr((CREDENTIALS, tokens, tokens._issued, Credentials(access_token="SECRET")))

    assert "SECRET" not in shown
