"""Damage, as disks, killed writers and hostile people do it. The same generator does the same damage."""

from __future__ import annotations

import random
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO

from fuzz import corpus
from huracan_spool.manifest import Kind

_NUMBERS = (
    0,
    1,
    -1,
    127,
    128,
    255,
    256,
    2**15,
    2**16,
    2**31 - 1,
    -(2**31),
    2**32 - 1,
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
)
_TOKENS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"null",
    b"true",
    b"1e999",
    b"-0.0",
    b"9" * 400,
    b"9" * 5000,
    b'"',
    b"'",
    b"\x00",
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"{",
    b"[",
    b"[" * 2000,
    b'{"a":' * 500,
    b"}",
    b"]",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"\\ud800"',
    b"\xe2\x80\xa8",
    b"inf",
    b"1_000",
    b"0x10",
    b"2025-13-45T99:99:99Z",
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:59-14:00",
    b"1e308",
    b"-1e308",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x01\x02",
    b"PAR1",
    b"\x80\x05",
    b"\x80\x02",
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"\x8c\x02os\x8c\x06system\x93",
    b"\x93",
    b"\x81",
    b"R",
    b".",
    b"Q",
    b"q\xff",
    b"h\xff",
    b"\x8d" + b"\xff" * 8,
    b"\x8e" + b"\xff" * 7 + b"\x7f",
    b"X\xff\xff\xff\x7f",
    b"\x8b\xff\xff\xff\x7f",
    b"\x95" + b"\xff" * 8,
    b"\xff" * 9 + b"\x01",
    b"\xff\xff\xff\xff\x07",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\x82\x01",
    b"I" + b"9" * 300 + b"\n",
)

Mutation = Callable[[random.Random, bytearray], None]


def _flip(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _byte(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _number(rng: random.Random, data: bytearray) -> None:
    width, number = rng.choice((2, 4, 8)), rng.choice(_NUMBERS)
    at = rng.randrange(len(data))
    data[at : at + width] = struct.pack("<Q", number % 2**64)[:width]


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 8, 64, 512))]


def _repeat(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice((1, 8, 64, 512))] * rng.choice((1, 2, 50))


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice((rng.choice(_TOKENS), rng.randbytes(rng.randrange(1, 32))))


def _overwrite(rng: random.Random, data: bytearray) -> None:
    token, at = rng.choice(_TOKENS), rng.randrange(len(data))
    data[at : at + len(token)] = token


def _zeros(rng: random.Random, data: bytearray) -> None:
    """What a file system leaves where a write was lost."""
    at = rng.randrange(len(data))
    width = min(len(data) - at, rng.choice((16, 512, 4096)))
    data[at : at + width] = bytes(width)


def _footer(rng: random.Random, data: bytearray) -> None:
    """Parquet and zip keep their directory at the end."""
    data[-rng.randrange(1, min(len(data), 600) + 1)] = rng.choice(
        (0, 1, 0x0F, 0x15, 0x7F, 0x80, 0xFF, rng.randrange(256))
    )


def _splice(rng: random.Random, data: bytearray) -> None:
    other = rng.choice(corpus.good_files())[2]
    at, from_ = rng.randrange(len(data)), rng.randrange(len(other))
    data[at:] = other[from_:]


_MUTATIONS: tuple[Mutation, ...] = (
    _flip, _flip, _byte, _byte, _number, _cut, _remove, _repeat, _insert, _insert, _overwrite,
    _zeros, _footer, _footer, _splice,
)  # fmt: skip


def damaged(rng: random.Random) -> tuple[Kind, str, bytes]:
    """One case: kind, the name of the good file, the damaged content."""
    kind, name, content = rng.choice(corpus.good_files())
    if name.startswith("torch") and rng.random() < 0.5:
        content = _inside_zip(rng, content)
    elif name == "safetensors" and rng.random() < 0.5:
        content = _inside_safetensors(rng, content)
    else:
        content = _mutated(rng, content)
    if rng.random() < 0.03:
        kind = rng.choice(list(Kind))
    return kind, name, content


def _mutated(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if data:
            rng.choice(_MUTATIONS)(rng, data)
    return bytes(data)


def _inside_zip(rng: random.Random, content: bytes) -> bytes:
    """A member is damaged and the checksums are right: what is behind them gets its turn."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        target = rng.choice(("model/data.pkl", "model/data.pkl", rng.choice(old.namelist())))
        for member in old.infolist():
            data = old.read(member)
            new.writestr(member.filename, _mutated(rng, data) if member.filename == target else data)
    return buffer.getvalue()


def _inside_safetensors(rng: random.Random, content: bytes) -> bytes:
    (length,) = struct.unpack("<Q", content[:8])
    header = _mutated(rng, content[8 : 8 + length])
    return struct.pack("<Q", len(header)) + header + content[8 + length :]
