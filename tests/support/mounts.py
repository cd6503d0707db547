"""Mounts that end with their block. Root is needed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, size: int, inodes: int = 4096) -> Iterator[Path]:
    """A file system of `size` bytes in memory, mounted at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes},mode=0770", "small-disk", str(folder))
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


@contextmanager
def bound(source: Path, folder: Path) -> Iterator[None]:
    """`source` at `folder` as well."""
    bind(source, folder)
    try:
        yield
    finally:
        unmount(folder)


def bind(source: Path, folder: Path) -> None:
    _run("mount", "--bind", str(source), str(folder))


def unmount(folder: Path) -> None:
    """Also under somebody who is using it."""
    _run("umount", "-l", str(folder))


def make_read_only(folder: Path) -> None:
    _run("mount", "-o", "remount,bind,ro", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
