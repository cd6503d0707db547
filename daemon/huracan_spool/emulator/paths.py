"""What Dropbox takes as a path, and when two paths are the same. No I/O, no tree."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from huracan_spool.emulator.failures import BadCall

MAX_NAME_UNITS = 255
MAX_COMPONENTS = 300
DISALLOWED_NAMES = frozenset(
    {
        "desktop.ini",
        "thumbs.db",
        ".ds_store",
        "icon\r",
        ".dropbox",
        ".dropbox.attr",
        ".dropbox.cache",
    }
)
_NAMESPACE = re.compile(r"ns:([0-9]+)(/.*)?", re.DOTALL)


class MalformedPath(Exception):
    """The path breaks a rule of Dropbox; the message says which."""


@dataclass(frozen=True)
class Address:
    """Where a path points: names below the root, below the node with an id, or one revision."""

    names: tuple[str, ...]
    namespace: str | None = None
    id: str | None = None
    rev: str | None = None


def parse(path: str) -> Address:
    """`/a/b`, `ns:1/a/b`, `id:x`, `id:x/a/b`, `rev:x`, or nothing for the root.

    Raises `MalformedPath`, or `BadCall` for what can't be expressed at all.
    """
    refuse_inexpressible(path)
    if path.startswith("rev:"):
        return Address((), rev=path.removeprefix("rev:"))
    if path.startswith("id:"):
        node_id, slash, rest = path.partition("/")
        return Address(_names(slash + rest), id=node_id)
    namespace = _NAMESPACE.fullmatch(path)
    if namespace is not None:
        return Address(_names(namespace[2] or ""), namespace=namespace[1])
    return Address(_names(path))


def key(name: str) -> str:
    """The name by which Dropbox compares: lower case one code point at a time, so the length stays."""
    if name.isascii():
        return name.lower()
    return "".join(_lower(character) for character in unicodedata.normalize("NFC", name))


def is_disallowed(name: str) -> bool:
    lowered = name.lower()
    temporary = lowered.startswith(("~$", ".~")) or (lowered.startswith("~") and lowered.endswith(".tmp"))
    return temporary or lowered in DISALLOWED_NAMES


def refuse_inexpressible(path: str) -> None:
    """NUL and halves of surrogate pairs are no text. Raises `BadCall`."""
    if "\0" in path or any(0xD800 <= ord(character) <= 0xDFFF for character in path):
        raise BadCall(f"path: {path!r} is not valid text")


def _names(path: str) -> tuple[str, ...]:
    if not path:
        return ()
    names = tuple(unicodedata.normalize("NFC", name) for name in path[1:].split("/"))
    if len(names) > MAX_COMPONENTS:
        raise MalformedPath(f"{len(names)} components")
    for name in names:
        _check_name(name)
    return names


def _check_name(name: str) -> None:
    if name in {"", ".", ".."}:
        raise MalformedPath(f"component {name!r}")
    if name.endswith(" "):
        raise MalformedPath("a component ends in a space")
    if "\\" in name or "\x7f" in name or any(ord(character) > 0xFFFF for character in name):
        raise MalformedPath("a character that Dropbox does not store")
    if len(name) > MAX_NAME_UNITS:
        raise MalformedPath(f"a component of {len(name)} characters")


def _lower(character: str) -> str:
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character
