from __future__ import annotations

import os
from pathlib import Path

import pytest

from huracan_spool.emulator.blobs import Blobs, Content
from huracan_spool.emulator.content_hash import BLOCK_BYTES, BlockHasher, hash_of


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"a", "bf5d3affb73efd2ec6c36ad3112dd933efed63c4e1cbffcfa88e2759c144f2d8"),
        (b"Hello Dropbox!", "16dff8700700b9aa627e24bbf832940c084b41ade5c5d6fe5417963a547ed9c2"),
        (bytes(BLOCK_BYTES), "c7e946d101855255d919ef0c70718633adf77d3dfb3adeeecf5d0cb4e951be58"),
        (bytes(BLOCK_BYTES + 1), "14a4d47f23a30177885d9820122f17d2d3a55fe63f7f5c27b95f689e0b2accd6"),
        (b"a" * 10_000_000, "c9efa5085973fe911cd2e58685733c3fe6fd640e7f6af4be02e0aa783650ba60"),
    ],
)
def test_the_hash_is_dropboxs(data: bytes, expected: str) -> None:
    assert hash_of(data) == expected


def test_pieces_on_block_boundaries_are_hashed_without_their_bytes() -> None:
    data = b"x" * (2 * BLOCK_BYTES) + b"tail"
    whole = BlockHasher()
    for part in (data[:BLOCK_BYTES], data[BLOCK_BYTES:]):
        piece = BlockHasher()
        piece.update(part)
        whole.append(piece)

    assert whole.hexdigest() == hash_of(data)
    with pytest.raises(ValueError, match="boundary"):
        whole.append(BlockHasher())


async def test_a_body_is_cut_at_the_announced_lengths(tmp_path: Path) -> None:
    async def body():
        for part in (b"ab", b"cde", b"f"):
            yield part

    received = await Blobs(tmp_path, limit=100).receive(body(), [1, 0, 4, 1])

    assert [Content.of([piece]).read() for piece in received.pieces] == [b"a", b"", b"bcde", b"f"]
    assert (received.size, received.content_hash) == (6, hash_of(b"abcdef"))


async def test_a_body_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def body():
        yield b"some"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await Blobs(tmp_path, limit=100).receive(body())

    assert os.listdir(tmp_path) == []


async def test_a_body_above_the_limit_is_counted_but_not_kept(tmp_path: Path) -> None:
    async def body():
        yield b"12345"
        yield b"67890"

    received = await Blobs(tmp_path, limit=6).receive(body())

    assert (received.size, received.overflowed, received.pieces[0].size) == (10, True, 5)


def test_content_reads_across_its_pieces(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, limit=100)
    content = Content((blobs.store(b"abc"), blobs.store(b""), blobs.store(b"defg")), 7, "")

    assert content.read() == b"abcdefg"
    assert content.read(2, 3) == b"cde"
    assert content.read(4) == b"efg"
    with content.open() as file:
        assert (file.read(4), file.read()) == (b"abcd", b"efg")
