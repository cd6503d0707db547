"""What torch.save wrote before PyTorch 1.6: five pickles in a row, then the tensors' data.

https://github.com/pytorch/pytorch/blob/main/torch/serialization.py, `_legacy_save`
"""

from __future__ import annotations

import io
import struct

from huracan_spool.inspection.notes import Notes, Unreadable
from huracan_spool.inspection.pickles import check_globals, read_pickle
from huracan_spool.inspection.report import told
from huracan_spool.inspection.tensors import bytes_per_element
from huracan_spool.inspection.window import Window

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the first pickle: a number, known to torch.load
_PICKLES = 5  # magic, protocol, what the machine was like, the model, the keys of its storages


def check(file: Window, notes: Notes) -> None:
    """Raises `Unreadable`."""
    notes.facts["format"] = "torch legacy"
    stream = io.BufferedReader(file)
    pickles = [read_pickle(stream, file.size - stream.tell(), notes) for _ in range(_PICKLES)]
    check_globals(pickles, notes)
    if any(finding.code == "not_checked" for finding in notes.findings):
        return  # where the data begins is not known
    at = stream.tell()
    for key in dict.fromkeys(pickles[-1].texts):
        kind, count = pickles[3].storages.get(key, ("", 0))
        width = bytes_per_element(kind)
        if width is None:
            return  # so nor is where the next one begins
        at = _behind_storage(file, at, key, width, count)


def _behind_storage(file: Window, at: int, key: str, width: int, count: int) -> int:
    """A number of elements in eight bytes, then the elements."""
    file.seek(at)
    length = file.read(8)
    if len(length) < 8:
        raise Unreadable("the data of a tensor is missing", f"storage {told(key)}")
    (found,) = struct.unpack("<q", length)
    if found != count:
        raise Unreadable(f"a tensor has {found} elements, its pickle says {count}", f"storage {told(key)}")
    behind = at + 8 + width * count
    if behind > file.size:
        raise Unreadable(
            f"it is cut off: {behind - file.size} bytes of a tensor are missing", f"storage {told(key)}"
        )
    return behind
