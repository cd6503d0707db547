from __future__ import annotations

import re
import urllib.parse
from typing import Any

import pytest
from emulator_caller import Answer, Caller

from huracan_spool.emulator.grants import challenge_of

VERIFIER = "v" * 64
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def token(caller: Caller, **form: str) -> Answer:
    body = urllib.parse.urlencode({"client_id": caller.emulator.app_key, **form}).encode()
    return await caller.send("POST", "/oauth2/token", body, FORM)


async def authorise(caller: Caller, **changed: str) -> Answer:
    query = {
        "client_id": caller.emulator.app_key,
        "response_type": "code",
        "token_access_type": "offline",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changed,
    }
    return await caller.send("GET", f"/oauth2/authorize?{urllib.parse.urlencode(query)}")


async def code_of(caller: Caller, **changed: str) -> str:
    match = re.search(r'value="([^"]+)"', (await authorise(caller, **changed)).text)
    assert match is not None
    return match[1]


async def status_with(caller: Caller, access_token: str) -> Any:
    headers = {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"}
    answer = await caller.send("POST", "/2/check/user", b"{}", headers)
    return answer.status if answer.status == 200 else answer.error[".tag"]


async def test_a_refresh_gives_a_short_lived_token_and_no_new_refresh_token(caller: Caller) -> None:
    answer = await token(caller, grant_type="refresh_token", refresh_token=caller.emulator.refresh_token)

    assert answer.headers["Content-Type"] == "text/javascript"
    assert set(answer.value) == {"token_type", "access_token", "expires_in"}
    assert (answer.value["token_type"], answer.value["expires_in"]) == ("bearer", 14_400)
    assert await status_with(caller, answer.value["access_token"]) == 200


async def test_tokens_expire(caller: Caller) -> None:
    assert await status_with(caller, caller.emulator.issue_token(expires_in=0)) == "expired_access_token"
    caller.emulator.expire_tokens()
    assert await status_with(caller, caller.emulator.access_token) == "expired_access_token"


async def test_a_revoked_refresh_token_can_be_restored(caller: Caller) -> None:
    caller.emulator.revoke_refresh_token()
    refused = await token(caller, grant_type="refresh_token", refresh_token=caller.emulator.refresh_token)
    caller.emulator.restore_refresh_token()
    granted = await token(caller, grant_type="refresh_token", refresh_token=caller.emulator.refresh_token)

    assert (refused.status, refused.value["error"], granted.status) == (400, "invalid_grant", 200)
    assert set(refused.value) == {"error", "error_description"}


async def test_revoking_an_access_token_takes_the_refresh_token_along(caller: Caller) -> None:
    await caller.rpc("auth/token/revoke", None)
    refused = await token(caller, grant_type="refresh_token", refresh_token=caller.emulator.refresh_token)

    assert await status_with(caller, caller.emulator.access_token) == "invalid_access_token"
    assert refused.value["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "client_id": "x"}, "invalid_client"),
        ({"grant_type": "refresh_token", "client_secret": "x"}, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "x", "code_verifier": VERIFIER}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
async def test_the_token_endpoint_refuses(caller: Caller, form: dict[str, str], error: str) -> None:
    answer = await token(caller, **form)

    assert (answer.status, answer.value["error"]) == (400, error)


async def test_a_refresh_may_ask_for_less_but_not_for_more(caller: Caller) -> None:
    refresh = {"grant_type": "refresh_token", "refresh_token": caller.emulator.refresh_token}
    less = await token(caller, **refresh, scope="files.content.write")
    more = await token(caller, **refresh, scope="sharing.write")

    assert await status_with(caller, less.value["access_token"]) == "missing_scope"
    assert more.value["error"] == "invalid_scope"


async def test_a_code_is_good_once_and_for_its_verifier(caller: Caller) -> None:
    code = await code_of(caller, scope="account_info.read files.content.write")
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    first, second = await token(caller, **form), await token(caller, **form)
    stolen = await code_of(caller)
    wrong = await token(caller, grant_type="authorization_code", code=stolen, code_verifier="w" * 64)

    assert first.value["scope"] == "account_info.read files.content.write"
    assert await status_with(caller, first.value["access_token"]) == 200
    assert (
        await token(caller, grant_type="refresh_token", refresh_token=first.value["refresh_token"])
    ).status == 200
    assert (second.value["error"], wrong.value["error"]) == ("invalid_grant", "invalid_grant")


async def test_only_offline_access_is_given_a_refresh_token(caller: Caller) -> None:
    code = await code_of(caller, token_access_type="online")
    answer = await token(caller, grant_type="authorization_code", code=code, code_verifier=VERIFIER)

    assert "refresh_token" not in answer.value


async def test_the_consent_can_redirect(caller: Caller) -> None:
    answer = await authorise(caller, redirect_uri="http://localhost:1/back", state="s")

    assert answer.status == 302
    assert re.fullmatch(r"http://localhost:1/back\?code=[\w-]+&state=s", answer.headers["Location"])


@pytest.mark.parametrize(
    "changed",
    [{"client_id": "x"}, {"response_type": "token"}, {"code_challenge_method": "plain"}, {"scope": "all"}],
)
async def test_the_consent_refuses(caller: Caller, changed: dict[str, str]) -> None:
    assert (await authorise(caller, **changed)).status == 400
