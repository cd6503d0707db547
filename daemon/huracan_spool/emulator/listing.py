"""Folder listings: pages of a snapshot, then what changed since, through cursors that never wear out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dropbox import files

from huracan_spool.emulator import metadata, paths
from huracan_spool.emulator.failures import LookupFailure
from huracan_spool.emulator.nodes import Folder, Node, path_lower, walk
from huracan_spool.emulator.paths import Address, MalformedPath
from huracan_spool.emulator.tree import Tree


@dataclass(frozen=True)
class Order:
    """What was asked for when the listing began."""

    address: Address
    recursive: bool
    include_deleted: bool
    limit: int


@dataclass(frozen=True)
class Cursor:
    """A place in a listing: the rest of a snapshot, and how much of the journal that snapshot knew."""

    order: Order
    rest: tuple[Any, ...]
    seen: int


@dataclass(frozen=True)
class Page:
    entries: tuple[Any, ...]
    cursor: str
    has_more: bool


class Listings:
    """Raises `LookupFailure` where the folder is no folder, and `KeyError` for a cursor never given out."""

    def __init__(self, tree: Tree, *, names_itself: bool) -> None:
        self._tree = tree
        self._names_itself = names_itself
        self._cursors: dict[str, Cursor] = {}

    def order(self, path: str, *, recursive: bool, include_deleted: bool, limit: int) -> Order:
        try:
            address = paths.parse(path)
        except MalformedPath as error:
            raise LookupFailure.malformed() from error
        return Order(address, recursive, include_deleted, limit)

    def first(self, order: Order) -> Page:
        folder = self._folder(order)
        return self._page(Cursor(order, tuple(self._snapshot(order, folder)), len(self._tree.journal)))

    def latest(self, order: Order) -> str:
        self._folder(order)
        return self._keep(Cursor(order, (), len(self._tree.journal)))

    def following(self, token: str) -> Page:
        cursor = self._cursors[token]
        folder = self._folder(cursor.order)
        if cursor.rest:
            return self._page(cursor)
        changes = tuple(self._changes(cursor, folder))
        return self._page(replace(cursor, rest=changes, seen=len(self._tree.journal)))

    def _page(self, cursor: Cursor) -> Page:
        limit = cursor.order.limit
        following = replace(cursor, rest=cursor.rest[limit:])
        return Page(cursor.rest[:limit], self._keep(following), bool(following.rest))

    def _keep(self, cursor: Cursor) -> str:
        token = f"AAE{secrets.token_urlsafe(48)}"
        self._cursors[token] = cursor
        return token

    def _folder(self, order: Order) -> Folder:
        node = self._tree.find(order.address)
        if not isinstance(node, Folder):
            raise LookupFailure(files.LookupError.not_folder)
        return node

    def _snapshot(self, order: Order, folder: Folder) -> Iterator[Any]:
        nodes = self._nodes(order, folder)
        yield from (metadata.of(node) for node in nodes)
        if order.include_deleted:
            prefix = path_lower(folder) + "/"
            for lowered, display in sorted(self._tree.deleted.items()):
                if _is_listed(lowered, prefix, recursive=order.recursive):
                    yield metadata.of_deleted(lowered, display)

    def _nodes(self, order: Order, folder: Folder) -> Iterator[Node]:
        if not order.recursive:
            return (child for _, child in sorted(folder.children.items()))
        names_itself = self._names_itself and folder.parent is not None
        return (node for node in walk(folder) if node is not folder or names_itself)

    def _changes(self, cursor: Cursor, folder: Folder) -> Iterator[Any]:
        prefix = path_lower(folder) + "/"
        for lowered in dict.fromkeys(self._tree.journal[cursor.seen :]):
            if _is_listed(lowered, prefix, recursive=cursor.order.recursive):
                yield self._current(lowered)

    def _current(self, lowered: str) -> Any:
        try:
            return metadata.of(self._tree.find(Address(tuple(lowered[1:].split("/")))))
        except LookupFailure:
            return metadata.of_deleted(lowered, self._tree.deleted[lowered])


def _is_listed(lowered: str, prefix: str, *, recursive: bool) -> bool:
    below = lowered.removeprefix(prefix)
    return below != lowered and (recursive or "/" not in below)
