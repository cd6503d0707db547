"""Files and folders, and the identities Dropbox gives them."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from huracan_spool.emulator.blobs import Content
from huracan_spool.emulator.paths import key


@dataclass(frozen=True, slots=True)
class Revision:
    """What a file held at one time."""

    rev: str
    content: Content
    client_modified: datetime
    server_modified: datetime


@dataclass(eq=False, slots=True)
class File:
    id: str
    name: str
    parent: Folder
    revision: Revision


@dataclass(eq=False, slots=True)
class Folder:
    id: str
    name: str
    parent: Folder | None = None
    children: dict[str, Node] = field(default_factory=dict)


Node = File | Folder


def path_display(node: Node) -> str:
    """The path as its owners wrote it; the root's is empty."""
    names: list[str] = []
    step: Node | None = node
    while step is not None and step.parent is not None:
        names.append(step.name)
        step = step.parent
    return "".join(f"/{name}" for name in reversed(names))


def path_lower(node: Node) -> str:
    return "/".join(key(name) for name in path_display(node).split("/"))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first, in the order of names."""
    yield node
    if isinstance(node, Folder):
        for _, child in sorted(node.children.items()):
            yield from walk(child)


def files_below(node: Node) -> Iterator[File]:
    return (each for each in walk(node) if isinstance(each, File))


class Identities:
    """New ids and revs, in the shapes seen from Dropbox: 22 base64url characters, 21 hexadecimal digits."""

    def __init__(self) -> None:
        self._revs = itertools.count(1)

    def new_id(self) -> str:
        return f"id:{secrets.token_urlsafe(16)}"

    def new_rev(self) -> str:
        return f"5bab4b3{next(self._revs):014x}"
