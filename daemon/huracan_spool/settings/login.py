"""The log-in that `huracan-spool auth login` stores: a file of its own beside the configuration.

It is written whole or not at all, and takes the place of every token in the configuration and among systemd's
credentials: it is the newest thing that a person did about them. Only the environment goes before it.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Stamp = tuple[int, int, int]
SERVICE_USER = "huracan-spool"  # whose it is on a host with the service


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """Where the log-in is or would be. `stamp` changes with every new one and is None when there is none."""

    path: Path
    stamp: Stamp | None
    readable: bool = True


def login_path(config: Path) -> Path:
    return config.with_name(f"{config.stem}.login.yaml")


def stamp_of(path: Path) -> Stamp | None:
    """None for a file that is not there, or that can't even be looked for."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def store_login(path: Path, app_key: str, refresh_token: str, owner: tuple[int, int] | None) -> None:
    """Readable by its owner alone: `owner` (user and group id), else whoever runs this. Raises `OSError`.

    Not by a group: the service's group is the producers'.
    """
    text = (
        "# Written by `huracan-spool auth login`; goes before every token in the configuration.\n"
        "# Remove this file to go back to those.\n"
        f"dropbox:\n  app_key: {json.dumps(app_key)}\n  refresh_token: {json.dumps(refresh_token)}\n"
    )
    write_secret(path, text, owner)


def write_secret(path: Path, text: str, owner: tuple[int, int] | None) -> None:
    """The whole file with mode 0600, durably, in one step. Raises `OSError`."""
    fd, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with open(fd, "w", encoding="utf-8") as file:
            if owner is not None:
                os.fchown(fd, *owner)
            file.write(text)
            file.flush()
            os.fsync(fd)
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
