"""What the client puts on the wire, and what it takes from it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from scripted_server import PIECE, TOKEN, FakeTime, answer, append, client, cut, serving

from huracan_spool.content_hash import content_hash
from huracan_spool.errors import Rejected, Unreachable
from huracan_spool.stores.dropbox.api import Cursor, TooBig
from huracan_spool.stores.dropbox.body import Body, BytesBody, FileSlice
from huracan_spool.stores.dropbox.pacing import Bandwidth


async def test_an_append_is_one_post_with_its_length_and_no_more_headers_than_needed():
    async with serving(answer(None)) as server, client(server.url) as api:
        await append(api)

    [seen] = server.seen
    assert seen.path == "/2/files/upload_session/append_v2"
    assert seen.body == PIECE
    assert seen.headers["Content-Length"] == str(len(PIECE))
    assert "Transfer-Encoding" not in seen.headers
    assert "Cookie" not in seen.headers
    assert seen.headers["Content-Type"] == "application/octet-stream"
    assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["User-Agent"] == "test/1"
    assert json.loads(seen.headers["Dropbox-API-Arg"]) == {
        "cursor": {"session_id": "pid_upload_session:x", "offset": 0},
        "close": True,
        "content_hash": content_hash(PIECE),
    }


async def test_an_empty_append_still_declares_its_type_and_length():
    async with serving(answer(None)) as server, client(server.url) as api:
        await append(api, b"")

    assert server.seen[0].headers["Content-Length"] == "0"
    assert server.seen[0].headers["Content-Type"] == "application/octet-stream"


async def test_a_download_has_neither_body_nor_type():
    metadata = {"size": 4}
    script = answer("four", Dropbox_API_Result=json.dumps(metadata))
    async with serving(script) as server, client(server.url) as api:
        assert await api.download("id:AbCdEfGhIjKlMnOpQrStUv", limit=100) == b"four"

    assert server.seen[0].body == b""
    assert "Content-Type" not in server.seen[0].headers


async def test_a_download_stops_at_its_limit():
    script = answer("x" * 2_000_000, Dropbox_API_Result=json.dumps({"size": 2_000_000}))
    async with serving(script) as server, client(server.url) as api:
        with pytest.raises(TooBig):
            await api.download("/big", limit=1000)

    assert len(server.seen) == 1


async def test_a_slice_of_a_file_is_sent_again_from_its_start(tmp_path: Path):
    (tmp_path / "model.pt").write_bytes(PIECE)
    fd = os.open(tmp_path / "model.pt", os.O_RDONLY)
    try:
        async with serving(cut, answer(None)) as server, client(server.url) as api:
            body = Body((FileSlice(fd, 100, 600_000), BytesBody(b"end")))
            await api.append(Cursor("x", 0), body, close=False, content_hash="a" * 64)
    finally:
        os.close(fd)

    assert [seen.body == PIECE[100:600_100] + b"end" for seen in server.seen] == [True, True]


async def test_a_file_that_shrinks_under_way_is_rejected_and_not_tried_again(tmp_path: Path):
    (tmp_path / "model.pt").write_bytes(PIECE)
    fd = os.open(tmp_path / "model.pt", os.O_RDONLY)
    try:
        async with serving(answer(None)) as server, client(server.url) as api:
            body = Body((FileSlice(fd, 0, len(PIECE) + 1),))
            with pytest.raises(Rejected) as caught:
                await api.append(Cursor("x", 0), body, close=False, content_hash="a" * 64)
    finally:
        os.close(fd)

    assert caught.value.code == "changed_while_reading"
    assert server.seen == []


async def test_a_limited_body_arrives_whole_and_waits_for_its_bytes():
    time = FakeTime()
    bandwidth = Bandwidth(100_000, clock=time, sleep=time.sleep)
    async with serving(answer(None)) as server, client(server.url, bandwidth=bandwidth) as api:
        await append(api)

    assert server.seen[0].body == PIECE
    assert sum(time.slept) == pytest.approx(7.0, abs=0.3)
    assert max(time.slept) < 0.3


async def test_redirects_are_not_followed():
    async with serving(answer("", 302, Location="/portal")) as server, client(server.url) as api:
        with pytest.raises(Unreachable):
            await api.check_account()

    assert {seen.path for seen in server.seen} == {"/2/files/get_metadata"}
