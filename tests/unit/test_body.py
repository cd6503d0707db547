from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from huracan_spool.errors import Rejected
from huracan_spool.stores.dropbox.body import Body, BytesBody, FileSlice

CONTENT = os.urandom(1_300_000)


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "model.pt").write_bytes(CONTENT)
    fd = os.open(tmp_path / "model.pt", os.O_RDWR)
    yield fd
    os.close(fd)


async def bytes_of(body: Body) -> bytes:
    return b"".join([chunk async for chunk in body])


async def test_slices_and_bytes_follow_each_other(fd):
    body = Body((FileSlice(fd, 10, 1_200_000), BytesBody(b"record"), FileSlice(fd, 0, 3)))

    assert len(body) == 1_200_009
    assert await bytes_of(body) == CONTENT[10:1_200_010] + b"record" + CONTENT[:3]


async def test_a_body_can_be_read_again_from_the_start_after_half_of_it(fd):
    body = Body((FileSlice(fd, 0, len(CONTENT)),))

    async for _ in body:
        break

    assert await bytes_of(body) == CONTENT


async def test_reading_leaves_the_position_of_the_file_alone(fd):
    os.lseek(fd, 7, os.SEEK_SET)

    await bytes_of(Body((FileSlice(fd, 0, 100),)))

    assert os.lseek(fd, 0, os.SEEK_CUR) == 7


async def test_chunks_are_small_enough_to_hold_a_dozen_of_them(fd):
    body = Body((FileSlice(fd, 0, len(CONTENT)), BytesBody(CONTENT)))

    assert max([len(chunk) async for chunk in body]) == 512 * 1024


async def test_an_empty_body_has_no_chunks(fd):
    assert await bytes_of(Body((FileSlice(fd, 5, 0), BytesBody(b"")))) == b""
    assert len(Body()) == 0


async def test_a_file_that_shrank_is_rejected(fd):
    os.ftruncate(fd, 1000)

    with pytest.raises(Rejected) as caught:
        await bytes_of(Body((FileSlice(fd, 0, len(CONTENT)),)))

    assert caught.value.code == "changed_while_reading"
    assert "byte 1000" in caught.value.reason


async def test_a_file_that_cannot_be_read_is_rejected():
    read_end, write_end = os.pipe()  # pread of a pipe fails
    try:
        with pytest.raises(Rejected) as caught:
            await bytes_of(Body((FileSlice(read_end, 0, 1),)))
    finally:
        os.close(read_end)
        os.close(write_end)

    assert caught.value.code == "unreadable"
