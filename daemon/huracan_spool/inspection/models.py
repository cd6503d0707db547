"""Models: what kind of file it is, and whether that kind's own checks hold. Nothing is unpickled."""

from __future__ import annotations

from huracan_spool.inspection import legacy_models, safetensors_models, zip_models
from huracan_spool.inspection.notes import Notes
from huracan_spool.inspection.pickles import check_globals, read_pickle
from huracan_spool.inspection.window import Window

_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_PICKLE_PROTOCOLS = range(2, 6)


def check_model(file: Window, notes: Notes) -> None:
    """Raises `Unreadable`."""
    head = file.read(32)
    file.seek(0)
    if head.startswith(_ZIP_MAGIC):
        zip_models.check(file, notes)
    elif head.startswith(legacy_models.MAGIC):
        legacy_models.check(file, notes)
    elif safetensors_models.looks_like_it(head):
        safetensors_models.check(file, notes)
    elif head[:1] == b"\x80" and head[1:2] and head[1] in _PICKLE_PROTOCOLS:
        notes.facts["format"] = "pickle"
        check_globals([read_pickle(file, file.size, notes)], notes)
    else:
        notes.facts["format"] = "unknown"
        notes.add("unknown_format", "it begins like none of PyTorch's formats, pickle, or safetensors", "byte 0")
