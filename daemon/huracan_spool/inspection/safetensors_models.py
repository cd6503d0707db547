"""safetensors: the length of a header, the header in JSON, then the tensors' data without holes.

https://github.com/huggingface/safetensors, "Format"
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from huracan_spool.inspection.notes import Notes, Unreadable
from huracan_spool.inspection.report import told
from huracan_spool.inspection.window import Window

_LENGTH = 8
_MOST_HEADER = 100_000_000  # bytes; the reference implementation refuses more
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "U16": 16, "I16": 16, "F16": 16,
    "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


def looks_like_it(head: bytes) -> bool:
    return len(head) > _LENGTH and head[_LENGTH : _LENGTH + 1] == b"{" and _header_length(head) <= _MOST_HEADER


def check(file: Window, notes: Notes) -> None:
    """Raises `Unreadable`."""
    notes.facts["format"] = "safetensors"
    length = _header_length(file.read(_LENGTH))
    if length > file.size - _LENGTH:
        raise Unreadable(f"it is cut off in its header of {length} bytes")
    header = _header(file.read(length))
    header.pop("__metadata__", None)
    notes.facts["tensors"] = len(header)
    end = 0
    for name, begin, behind in sorted(_tensors(header), key=lambda tensor: tensor[1:]):
        if begin != end:
            raise Unreadable(f"its data has a hole or an overlap at byte {end}", f"tensor {told(name)}")
        end = behind
    if end != file.size - _LENGTH - length:
        raise Unreadable(f"its tensors have {end} bytes, and there are {file.size - _LENGTH - length}")


def _header_length(head: bytes) -> int:
    length: int = struct.unpack("<Q", head[:_LENGTH])[0]
    return length


def _header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"its header is not JSON: {told(str(error))}") from error
    if not isinstance(header, dict):
        raise Unreadable("its header is no object")
    return header


def _tensors(header: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Name, first byte and the byte behind, counted from the header's end. Raises `Unreadable`."""
    return [(name, *_place(name, tensor)) for name, tensor in header.items()]


def _place(name: str, tensor: Any) -> tuple[int, int]:
    match tensor:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(behind)]} if _are_counts(
            shape
        ):
            pass
        case _:
            raise Unreadable("a tensor has no dtype, shape and offsets", f"tensor {told(name)}")
    bits = _BITS.get(dtype)
    if not 0 <= begin <= behind or (bits is not None and (behind - begin) * 8 != math.prod(shape) * bits):
        raise Unreadable(f"a tensor of {behind - begin} bytes does not fit its shape", f"tensor {told(name)}")
    return begin, behind


def _are_counts(shape: list[Any]) -> bool:
    return all(isinstance(size, int) and 0 <= size < 2**63 for size in shape) and len(shape) <= 64
