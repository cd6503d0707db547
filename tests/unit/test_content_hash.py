"""Dropbox's content hash: published vectors, and the same answer however the bytes come."""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_spool.content_hash import BLOCK, Fingerprint, Hasher, content_hash, fingerprint

NOISE = random.Random(1).randbytes(2 * BLOCK + 12345)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"a", "bf5d3affb73efd2ec6c36ad3112dd933efed63c4e1cbffcfa88e2759c144f2d8"),
        (b"Hello Dropbox!", "16dff8700700b9aa627e24bbf832940c084b41ade5c5d6fe5417963a547ed9c2"),
        (bytes(BLOCK), "c7e946d101855255d919ef0c70718633adf77d3dfb3adeeecf5d0cb4e951be58"),
        (bytes(BLOCK + 1), "14a4d47f23a30177885d9820122f17d2d3a55fe63f7f5c27b95f689e0b2accd6"),
        (b"a" * 10_000_000, "c9efa5085973fe911cd2e58685733c3fe6fd640e7f6af4be02e0aa783650ba60"),
    ],
    ids=["empty", "a", "a real server's answer", "one block", "one byte more", "10 MB"],
)
def test_published_vectors(data, expected):
    found = fingerprint(data)

    assert content_hash(data) == expected
    assert found.content_hash == expected
    assert (found.size, found.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def fed_in_parts(parts: list[bytes | memoryview]) -> Fingerprint:
    hasher = Hasher()
    for part in parts:
        hasher.update(part)
    return hasher.finish()


@settings(max_examples=30)
@given(st.lists(st.integers(0, len(NOISE)) | st.sampled_from([BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK]), max_size=6))
def test_any_way_to_cut_the_bytes_gives_the_same(cuts):
    edges = [0, *sorted(cuts), len(NOISE)]
    parts = [memoryview(NOISE)[start:end] for start, end in pairwise(edges)]

    assert fed_in_parts(parts) == fingerprint(NOISE)
    assert fingerprint(NOISE).content_hash == content_hash(NOISE)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, len(NOISE)])
def test_the_hash_of_a_part_is_that_of_a_file_with_its_bytes(size):
    data = NOISE[:size]
    whole = fingerprint(data)

    for offset in range(0, size + 1, BLOCK):
        for length in {min(BLOCK, size - offset), min(2 * BLOCK, size - offset), size - offset}:
            assert whole.part_hash(offset, length) == content_hash(data[offset : offset + length])


@pytest.mark.parametrize("offset", [1, BLOCK - 1, BLOCK + 1])
def test_a_part_begins_with_a_block(offset):
    with pytest.raises(ValueError, match="not a multiple"):
        fingerprint(NOISE).part_hash(offset, 10)
