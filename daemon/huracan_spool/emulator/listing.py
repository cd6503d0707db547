"""Folder listings: pages of what is there, then what changed since, through cursors that never wear out.

A cursor is a place in the order of names, not the rest of a snapshot, so a tree of a million entries costs no more
than the page that is asked for. What changes before that place is told afterwards, from the journal; what changes
behind it is told as it is by then, and from the journal once more.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from dropbox import files

from huracan_spool.emulator import paths
from huracan_spool.emulator.entries import deleted_entry, entry
from huracan_spool.emulator.failures import LookupFailure
from huracan_spool.emulator.nodes import Folder, path_display, path_lower
from huracan_spool.emulator.paths import Address, MalformedPath
from huracan_spool.emulator.tree import Tree
from huracan_spool.emulator.tree_order import steps_below


@dataclass(frozen=True)
class Order:
    """What was asked for when the listing began."""

    address: Address
    recursive: bool
    include_deleted: bool
    limit: int


class InTree(NamedTuple):
    """After the node with these keys; None is before the listed folder itself."""

    after: tuple[str, ...] | None


class InDeleted(NamedTuple):
    """Behind the tree, after this path of what was deleted."""

    after: str


class InJournal(NamedTuple):
    """Behind everything, with so much of the journal told."""

    told: int


Place = InTree | InDeleted | InJournal


@dataclass(frozen=True)
class Cursor:
    """`began` is how long the journal was when the listing began."""

    order: Order
    began: int
    place: Place


@dataclass(frozen=True)
class Page:
    """`entries` are JSON."""

    entries: Sequence[str]
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
        return self._page(Cursor(order, len(self._tree.journal), InTree(None)))

    def latest(self, order: Order) -> str:
        self._folder(order)
        return self._keep(self._up_to_date(order))

    def following(self, token: str) -> Page:
        return self._page(self._cursors[token])

    def has_news(self, token: str) -> bool:
        """Whether there is anything behind a cursor. That its folder went away is news too."""
        cursor = self._cursors[token]
        try:
            folder = self._folder(cursor.order)
        except LookupFailure:
            return True
        return next(self._coming(cursor, folder), None) is not None

    def _page(self, cursor: Cursor) -> Page:
        coming = self._coming(cursor, self._folder(cursor.order))
        page = list(islice(coming, cursor.order.limit))
        has_more = next(coming, None) is not None
        if has_more:
            following = Cursor(cursor.order, cursor.began, page[-1][0])
        elif isinstance(cursor.place, InJournal):
            following = self._up_to_date(cursor.order)
        else:
            following = Cursor(cursor.order, cursor.began, InJournal(cursor.began))
        return Page([text for _, text in page], self._keep(following), has_more)

    def _up_to_date(self, order: Order) -> Cursor:
        now = len(self._tree.journal)
        return Cursor(order, now, InJournal(now))

    def _keep(self, cursor: Cursor) -> str:
        token = f"AAE{secrets.token_urlsafe(48)}"
        self._cursors[token] = cursor
        return token

    def _folder(self, order: Order) -> Folder:
        node = self._tree.find(order.address)
        if not isinstance(node, Folder):
            raise LookupFailure(files.LookupError.not_folder)
        return node

    def _coming(self, cursor: Cursor, folder: Folder) -> Iterator[tuple[Place, str]]:
        """Entries from a place on, each with the place after it. The tree and what was deleted are one listing."""
        match cursor.place:
            case InTree(after):
                yield from self._existing(cursor.order, folder, after)
                if cursor.order.include_deleted:
                    yield from self._deleted(cursor.order, folder, "")
            case InDeleted(after):
                yield from self._deleted(cursor.order, folder, after)
            case InJournal(told):
                yield from self._changes(cursor.order, folder, told)

    def _existing(self, order: Order, folder: Folder, after: tuple[str, ...] | None) -> Iterator[tuple[Place, str]]:
        if after is None and order.recursive and self._names_itself and folder.parent is not None:
            yield InTree(()), entry(folder, path_lower(folder), path_display(folder))
        for step in steps_below(folder, after or (), recursive=order.recursive):
            yield InTree(step.keys), entry(step.node, step.lower, step.display)

    def _deleted(self, order: Order, folder: Folder, after: str) -> Iterator[tuple[Place, str]]:
        prefix = path_lower(folder) + "/"
        for lowered, display in sorted(self._tree.deleted.items()):
            if lowered > after and _is_listed(lowered, prefix, recursive=order.recursive):
                yield InDeleted(lowered), deleted_entry(lowered, display)

    def _changes(self, order: Order, folder: Folder, told: int) -> Iterator[tuple[Place, str]]:
        """Each path once a page, as it is now."""
        prefix, seen = path_lower(folder) + "/", set()
        for index in range(told, len(self._tree.journal)):
            lowered = self._tree.journal[index]
            if lowered not in seen and _is_listed(lowered, prefix, recursive=order.recursive):
                seen.add(lowered)
                yield InJournal(index + 1), self._current(lowered)

    def _current(self, lowered: str) -> str:
        try:
            node = self._tree.find(Address(tuple(lowered[1:].split("/"))))
        except LookupFailure:
            return deleted_entry(lowered, self._tree.deleted[lowered])
        return entry(node, lowered, path_display(node))


def _is_listed(lowered: str, prefix: str, *, recursive: bool) -> bool:
    below = lowered.removeprefix(prefix)
    return below != lowered and (recursive or "/" not in below)
