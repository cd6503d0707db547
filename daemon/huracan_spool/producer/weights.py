"""Writing a model that is held in memory; torch is used only if training has loaded it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def write_model(model: Any, path: Path) -> None:
    """Bytes as they are; a module's `state_dict`, or a checkpoint that is a dictionary, by `torch.save`.

    The weights alone, not the object: that would be a pickle of code, which breaks with the next refactoring, and
    which nobody should load. Raises `TypeError` for anything else.
    """
    if isinstance(model, bytes | bytearray | memoryview):
        path.write_bytes(model)
        return
    torch = sys.modules.get("torch")
    if torch is not None and (hasattr(model, "state_dict") or isinstance(model, dict)):
        torch.save(model if isinstance(model, dict) else model.state_dict(), path)
        return
    raise TypeError(
        f"expected a path, bytes, or with torch loaded an object with state_dict, not {type(model).__name__}; "
        'anything else can be saved to run.path("model")'
    )
