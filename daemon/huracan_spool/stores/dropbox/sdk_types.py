"""The official SDK's types without its client, for a process that lives for months.

Importing any part of `dropbox` runs the package's `__init__`, which loads requests, jinja2 and the types of every
team route: 25 MiB that the daemon would never use. So the daemon, and only the daemon, imports the types it
needs below a package that was not run. A program that also uses the SDK's client must not do this.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys


def load_types_only() -> None:
    """Make `dropbox.files` importable and leave the rest of the package alone. No-op when it is loaded."""
    if "dropbox" in sys.modules:
        return
    spec = importlib.util.find_spec("dropbox")
    if spec is None:
        raise ModuleNotFoundError("dropbox")
    sys.modules["dropbox"] = importlib.util.module_from_spec(spec)
    importlib.import_module("dropbox.files")
