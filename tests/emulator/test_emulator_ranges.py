"""Files in whole and in part."""

from __future__ import annotations

import hashlib
import json
import random
from urllib.parse import quote

import pytest
from emulator_caller import Caller

from huracan_spool.emulator.ranges import Span, span_of

DIGITS = b"0123456789"
WHOLE = (200, "0123456789", None)
NONE = (416, "Range Not Satisfiable", "bytes */10")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, WHOLE),
        ("bytes=2-4", (206, "234", "bytes 2-4/10")),
        ("Bytes=2-4", (206, "234", "bytes 2-4/10")),
        ("bytes=0-0", (206, "0", "bytes 0-0/10")),
        ("bytes=0-", (206, "0123456789", "bytes 0-9/10")),
        ("bytes=7-", (206, "789", "bytes 7-9/10")),
        ("bytes=-3", (206, "789", "bytes 7-9/10")),
        ("bytes=-99", (206, "0123456789", "bytes 0-9/10")),
        ("bytes=5-99999999999999999999", (206, "56789", "bytes 5-9/10")),
        ("bytes=10-", NONE),
        ("bytes=10-12", NONE),
        ("bytes=-0", NONE),
        ("bytes=4-2", WHOLE),
        ("bytes=99-98", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=0-1,3-4", WHOLE),
        ("bytes=a-4", WHOLE),
        ("bytes=+1-4", WHOLE),
        ("bytes=1-" + "9" * 5000, WHOLE),
        ("lines=1-2", WHOLE),
        ("", WHOLE),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_download_in_part(
    caller: Caller, method: str, wanted: str | None, expected: tuple[int, str, str | None]
) -> None:
    await caller.put("/a", DIGITS)

    answer = await caller.download("/a", None if wanted is None else {"Range": wanted}, method=method)

    assert (answer.status, answer.text, answer.headers.get("Content-Range")) == expected
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert caller.emulator.calls[-1].sent == len(answer.data)


async def test_a_part_is_described_like_the_whole(caller: Caller) -> None:
    value = await caller.put("/caf\u00e9\x01", DIGITS)

    whole = await caller.download("/caf\u00e9\x01")
    part = await caller.download("/caf\u00e9\x01", {"Range": "bytes=3-4"})

    described = ("Dropbox-API-Result", "Etag", "Original-Content-Length", "Accept-Ranges", "Content-Type")
    assert {name: part.headers[name] for name in described} == {name: whole.headers[name] for name in described}
    assert whole.headers["Dropbox-API-Result"].isascii()
    assert json.loads(whole.headers["Dropbox-API-Result"]) == value
    assert [whole.headers[name] for name in described[1:]] == [
        f'W/"{value["rev"]}"',
        "10",
        "bytes",
        "application/octet-stream",
    ]


async def test_an_empty_file_has_no_parts(caller: Caller) -> None:
    await caller.put("/a", b"")

    answers = [
        await caller.download("/a", {"Range": each} if each else None) for each in ("", "bytes=0-", "bytes=-1")
    ]

    assert [(answer.status, answer.headers.get("Content-Range")) for answer in answers] == [
        (200, None),
        (416, "bytes */0"),
        (416, "bytes */0"),
    ]


@pytest.mark.parametrize("route", ["files/download", "files/download_zip"])
async def test_the_argument_may_stand_in_the_url(caller: Caller, route: str) -> None:
    await caller.put("/d/a", DIGITS)
    arg = json.dumps({"path": "/d/a" if route == "files/download" else "/d"})

    in_header = await caller.download(json.loads(arg)["path"], route=route, method="GET")
    in_url = await caller.send("GET", f"/2/{route}?arg={quote(arg)}", None, caller.authorisation)

    assert (in_url.status, in_url.data) == (200, in_header.data)


@pytest.mark.parametrize("stored", [1, 10, 4 * 1024 * 1024])
def test_any_two_parts_make_the_whole(stored: int) -> None:
    for cut in (0, 1, stored // 2, stored - 1):
        first, rest = span_of(f"bytes=0-{cut}", stored), span_of(f"bytes={cut + 1}-", stored)
        assert isinstance(first, Span)
        assert isinstance(rest, Span)
        assert first.size + rest.size == stored


async def test_parts_cross_the_pieces_that_were_uploaded(caller: Caller) -> None:
    """A file of a session is stored in as many pieces as calls."""
    rng = random.Random(5)
    block = 4 * 1024 * 1024
    data = rng.randbytes(2 * block + 1_234_567)
    session = (await caller.upload("files/upload_session/start", {}, data[:block])).value["session_id"]
    cursor = {"session_id": session, "offset": block}
    await caller.upload("files/upload_session/append_v2", {"cursor": cursor}, data[block : 2 * block])
    commit = {"cursor": {**cursor, "offset": 2 * block}, "commit": {"path": "/big"}}
    await caller.upload("files/upload_session/finish", commit, data[2 * block :])

    for _ in range(10):
        start, end = sorted(rng.sample(range(len(data)), 2))
        answer = await caller.download("/big", {"Range": f"bytes={start}-{end}"})
        assert hashlib.sha256(answer.data).digest() == hashlib.sha256(data[start : end + 1]).digest()
