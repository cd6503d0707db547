"""Where the token goes, where it never goes, and how it is replaced."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from scripted_server import (
    COMMIT,
    PIECE,
    TOKEN,
    Answer,
    FakeTime,
    Seen,
    answer,
    append,
    client,
    options_for,
    serving,
    tagged,
)
from structlog.testing import capture_logs

from huracan_spool.errors import NeedsPerson, TryAgain, Unreachable
from huracan_spool.stores.dropbox.auth import Credentials
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate, Freeze
from huracan_spool.stores.dropbox.transport import Transport


def refreshing() -> Credentials:
    return Credentials(refresh_token="refresh-SECRET", app_key="key")


def issuing(token: str) -> Answer:
    return answer({"access_token": token, "expires_in": 14400, "token_type": "bearer"})


async def test_an_expired_token_is_replaced_and_the_call_made_again_with_its_body():
    script = [issuing("first"), tagged("expired_access_token", 401), issuing("second"), answer(None)]
    async with serving(*script) as server, client(server.url, credentials=refreshing()) as api:
        await append(api)

    assert [(seen.path, seen.headers.get("Authorization")) for seen in server.seen] == [
        ("/oauth2/token", None),
        ("/2/files/upload_session/append_v2", "Bearer first"),
        ("/oauth2/token", None),
        ("/2/files/upload_session/append_v2", "Bearer second"),
    ]
    assert server.seen[3].body == PIECE


async def test_a_commit_is_repeated_after_an_expired_token_too():
    done = answer({"entries": [{".tag": "failure", "failure": {".tag": "other"}}]})
    script = [issuing("first"), tagged("expired_access_token", 401), issuing("second"), done]
    async with serving(*script) as server, client(server.url, credentials=refreshing()) as api:
        await api.finish_batch([COMMIT])

    assert len(server.seen) == 4


async def test_a_new_token_that_is_refused_too_needs_a_person():
    script = [issuing("first"), tagged("expired_access_token", 401), issuing("second")]
    async with (
        serving(*script, tagged("expired_access_token", 401)) as server,
        client(server.url, credentials=refreshing()) as api,
    ):
        with pytest.raises(NeedsPerson, match="expired_access_token"):
            await api.check_account()

    assert len(server.seen) == 4


@pytest.mark.parametrize("tag", ["expired_access_token", "invalid_access_token"])
async def test_a_refused_fixed_token_needs_a_person(tag):
    async with serving(tagged(tag, 401)) as server, client(server.url) as api:
        with pytest.raises(NeedsPerson) as caught:
            await api.check_account()

    assert "new token" in caught.value.hint
    assert len(server.seen) == 1


async def test_a_revoked_log_in_needs_a_person_even_for_a_commit():
    script = answer({"error": "invalid_grant", "error_description": "refresh-SECRET"}, 400)
    async with serving(script) as server, client(server.url, credentials=refreshing()) as api:
        with pytest.raises(NeedsPerson, match="invalid_grant"):
            await api.finish_batch([COMMIT])


async def test_no_log_line_and_no_error_shows_a_token_that_the_server_quotes():
    def quote(seen: Seen) -> web.Response:
        return web.Response(status=500, text=f"what is {seen.headers['Authorization'].split()[1]}?")

    with capture_logs() as logs:
        async with serving(quote) as server, client(server.url) as api:
            with pytest.raises(TryAgain) as caught:
                await api.check_account()

    assert "what is ***?" in str(caught.value)
    assert "SECRET" not in repr(logs)
    assert [(log["event"], log["log_level"], log["route"]) for log in logs] == [
        ("dropbox_call_failed", "debug", "files/get_metadata")
    ] * 6


async def test_a_rate_limit_of_one_call_holds_back_all_of_them():
    time = FakeTime()
    frozen: list[Freeze | None] = []

    async def sleep(seconds: float) -> None:
        frozen.append(rate.frozen)
        await time.sleep(seconds)

    rate = CallRate(10, clock=time, sleep=sleep)
    limited = answer({"error": {"reason": {".tag": "too_many_requests"}}}, 429, Retry_After="300")
    async with serving(limited, tagged("other"), answer(None)) as server, client(server.url, rate=rate) as api:
        await append(api)

    assert frozen[0] == Freeze(300.0, "too_many_requests")
    assert frozen[1:] == [None] * (len(frozen) - 1)
    assert time.slept[0] == 300.0


@pytest.mark.parametrize("url", ["http://api.example.com", "http://10.0.0.1:80", "ftp://localhost", "localhost"])
def test_a_token_never_goes_over_plain_http_to_another_host(url):
    with pytest.raises(NeedsPerson, match="in the clear"):
        Transport(options_for(url), Bandwidth(None))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://x.example"])
def test_https_and_loopback_are_fine(url):
    Transport(options_for(url), Bandwidth(None))


async def test_loopback_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_tcp_port}")
    async with serving(tagged("path", path={".tag": "not_found"})) as server, client(server.url) as api:
        await api.check_account()

    assert len(server.seen) == 1


async def test_https_goes_through_the_environments_proxy_and_hides_its_password(monkeypatch: pytest.MonkeyPatch):
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://user:SECRET@127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    async with proxy, client("https://api.example.com") as api:
        with pytest.raises(Unreachable) as caught:
            await api.check_account()

    assert asked[0].startswith(b"CONNECT api.example.com:443")
    assert b"Proxy-Authorization: Basic" in asked[0]
    assert "SECRET" not in str(caught.value)
    assert TOKEN.encode() not in b"".join(asked)


async def test_a_missing_ca_file_needs_a_person():
    with pytest.raises(NeedsPerson) as caught:
        async with client("https://api.example.com", ca_file="/nowhere/ca.pem"):
            pass

    assert "dropbox.ca_file" in caught.value.hint
