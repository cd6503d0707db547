"""The ways in which a network fails, and what the client makes of each."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from scripted_server import (
    COMMIT,
    PIECE,
    TOKEN,
    FakeTime,
    Server,
    answer,
    append,
    client,
    cut,
    options_for,
    reset,
    serving,
    tagged,
)

from huracan_spool.errors import TryAgain, Unknown, Unreachable
from huracan_spool.stores.dropbox.api import Cursor, DropboxApi, MoveEntry, Piece
from huracan_spool.stores.dropbox.body import Body, BytesBody
from huracan_spool.stores.dropbox.outgoing import Deadline, Outgoing
from huracan_spool.stores.dropbox.pacing import Bandwidth
from huracan_spool.stores.dropbox.transport import Post, Silent, Transport


@asynccontextmanager
async def resetting_mid_body(server: Server) -> AsyncIterator[str]:
    """In front of `server`: the first connection is reset after 100 kB, the others are passed through."""
    port = int(server.url.rpartition(":")[2])
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count == 1:
            await reader.readexactly(100_000)
            reset(writer.transport)
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    front = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with front:
        yield f"http://127.0.0.1:{front.sockets[0].getsockname()[1]}"


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_reset_in_the_middle_of_a_body_is_tried_again():
    async with (
        serving(answer(None)) as server,
        resetting_mid_body(server) as url,
        client(url) as api,
    ):
        await append(api, PIECE * 10)

    assert [seen.body == PIECE * 10 for seen in server.seen] == [True]


@pytest.mark.parametrize("state", [tagged("incorrect_offset", correct_offset=len(PIECE)), tagged("closed")])
async def test_an_append_whose_reply_was_lost_has_arrived(state):
    async with serving(cut, state) as server, client(server.url) as api:
        await append(api)

    assert len(server.seen) == 2


async def test_a_batch_whose_reply_was_lost_is_repeated_whole_and_judged_piece_by_piece():
    pieces = [Piece(Cursor(session, 0), 2, close=True) for session in "abc"]
    again = answer(
        {
            "entries": [
                {".tag": "failure", "failure": {".tag": "closed"}},
                {".tag": "failure", "failure": {".tag": "incorrect_offset", "correct_offset": 2}},
                {".tag": "failure", "failure": {".tag": "not_found"}},
            ]
        }
    )
    async with serving(cut, again) as server, client(server.url) as api:
        outcomes = await api.append_batch(pieces, Body((BytesBody(b"aabbcc"),)))

    assert [seen.body for seen in server.seen] == [b"aabbcc", b"aabbcc"]
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "NoneType", "SessionGone"]


Call = Callable[[DropboxApi], Awaitable[object]]
NOT_REPEATABLE: list[Call] = [
    lambda api: api.finish_batch([COMMIT]),
    lambda api: api.move_batch([MoveEntry("id:AbCdEfGhIjKlMnOpQrStUv", "/b")]),
    lambda api: api.copy_batch([MoveEntry("/a", "/b")]),
]


@pytest.mark.parametrize("call", NOT_REPEATABLE)
@pytest.mark.parametrize("lost", [cut, answer("", 500), answer("<html>"), answer({}, 502), answer({"odd": 1})])
async def test_a_lost_reply_to_what_can_not_be_repeated_is_unknown_and_sent_once(call, lost):
    async with serving(lost) as server, client(server.url) as api:
        with pytest.raises(Unknown):
            await call(api)

    assert len(server.seen) == 1


@pytest.mark.parametrize("call", NOT_REPEATABLE)
async def test_a_call_that_never_left_is_repeated_even_then(call, unused_tcp_port: int):
    async with client(f"http://127.0.0.1:{unused_tcp_port}") as api:
        with pytest.raises(Unreachable):
            await call(api)


async def test_a_rate_limited_commit_is_repeated():
    done = answer({"entries": [{".tag": "failure", "failure": {".tag": "too_many_write_operations"}}]})
    limited = answer({"error": {"reason": {".tag": "too_many_write_operations"}}}, 429)
    async with serving(limited, done) as server, client(server.url) as api:
        outcomes = await api.finish_batch([COMMIT])

    assert len(server.seen) == 2
    assert [type(outcome) for outcome in outcomes] == [TryAgain]


async def test_nobody_there_is_unreachable(unused_tcp_port: int):
    async with client(f"http://127.0.0.1:{unused_tcp_port}") as api:
        with pytest.raises(Unreachable):
            await api.check_account()


@pytest.mark.parametrize("known_by", ["ca_file", "SSL_CERT_FILE"])
async def test_the_authority_is_the_configured_one_or_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_by: str
):
    authority = trustme.CA()
    ca_file = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)
    monkeypatch.setenv("SSL_CERT_FILE", ca_file if known_by == "SSL_CERT_FILE" else "")

    async with (
        serving(tagged("path", path={".tag": "not_found"}), tls=trusting(authority)) as server,
        client(server.url, ca_file=ca_file if known_by == "ca_file" else None) as api,
    ):
        await api.check_account()

    assert len(server.seen) == 1


async def test_a_certificate_of_an_unknown_authority_is_unreachable():
    async with serving(answer(None), tls=trusting(trustme.CA())) as server, client(server.url) as api:
        with pytest.raises(Unreachable) as caught:
            await api.check_account()

    assert "dropbox.ca_file" in caught.value.hint
    assert server.seen == []


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_peer_that_stops_moving_is_given_up():
    async def swallow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    gone = asyncio.Event()
    server = await asyncio.start_server(swallow, "127.0.0.1", 0, limit=1024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Transport(options_for(url), Bandwidth(None)) as transport:
        for data in (b"answer me", PIECE * 20):
            post = Post("content", "/x", {}, Body((BytesBody(data),)), patience=0.2, longest=10)
            with pytest.raises(Silent, match="nothing moved"):
                await transport.send(post, TOKEN)
        gone.set()


async def test_the_time_spent_on_our_side_does_not_count_against_the_peer():
    time = FakeTime()
    held: list[float | None] = []

    async def sleep(seconds: float) -> None:
        held.append(deadline._timeout.when())
        await time.sleep(seconds)

    deadline = Deadline(idle=90)
    bandwidth = Bandwidth(1000, clock=time, sleep=sleep)
    async with deadline:
        for_peer = [
            deadline._timeout.when() async for _ in Outgoing(Body((BytesBody(b"x" * 3000),)), bandwidth, deadline)
        ]

    assert held == [None, None]
    assert None not in for_peer
