"""Copy, move, delete and create_folder: what each may do. Raises `RouteFailure` in the route's own union."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dropbox import files

from huracan_spool.emulator.failures import LookupFailure, RouteFailure, WriteFailure
from huracan_spool.emulator.nodes import File, Folder, Node, files_below, walk
from huracan_spool.emulator.tree import Place, Tree
from huracan_spool.emulator.writing import conflict_with, free_place

MAX_RELOCATED_FILES = 10_000


def copy(tree: Tree, arg: Any, now: datetime, quota: int, *, autorename: bool) -> Node:
    source = _source(tree, arg.from_path)
    if tree.used + sum(file.revision.content.size for file in files_below(source)) > quota:
        raise RouteFailure(files.RelocationError.insufficient_quota)
    place = _target(tree, source, arg.to_path, autorename=autorename)
    if _is_within(place, source):
        raise RouteFailure(files.RelocationError.duplicated_or_nested_paths)
    return tree.copy(source, place, now)


def move(tree: Tree, arg: Any, now: datetime, *, autorename: bool) -> Node:
    """Also the only way to change the case of a name, which Dropbox grants with autorename only."""
    source = _source(tree, arg.from_path)
    place = _target(tree, source, arg.to_path, autorename=autorename)
    if _is_within(place, source):
        raise RouteFailure(files.RelocationError.cant_move_folder_into_itself)
    tree.move(source, place, now)
    return source


def delete(tree: Tree, path: str, parent_rev: str | None) -> Node:
    """The node as it was; its parent still says where."""
    try:
        node = tree.find_path(path)
    except LookupFailure as failure:
        raise RouteFailure(files.DeleteError.path_lookup(failure.error)) from failure
    if node.parent is None:
        raise RouteFailure(files.DeleteError.path_write(WriteFailure.malformed().error))
    if parent_rev is not None:
        _check_rev(node, parent_rev)
    tree.remove(node)
    return node


def create_folder(tree: Tree, path: str, *, autorename: bool) -> Folder:
    """Raises `WriteFailure`: the unions of its two routes differ."""
    place = tree.place(path)
    if place.occupant is not None and not autorename:
        raise conflict_with(place.occupant)
    return tree.add_folder(place if place.occupant is None else free_place(place))


def _source(tree: Tree, path: str) -> Node:
    try:
        source = tree.find_path(path)
    except LookupFailure as failure:
        raise RouteFailure(files.RelocationError.from_lookup(failure.error)) from failure
    if source.parent is None:
        raise RouteFailure(files.RelocationError.from_write(WriteFailure.malformed().error))
    if sum(1 for _ in files_below(source)) > MAX_RELOCATED_FILES:
        raise RouteFailure(files.RelocationError.too_many_files)
    return source


def _target(tree: Tree, source: Node, path: str, *, autorename: bool) -> Place:
    try:
        place = tree.place(path)
    except WriteFailure as failure:
        raise RouteFailure(files.RelocationError.to(failure.error)) from failure
    if place.occupant is None:
        return place
    if place.occupant is source and place.name == source.name:
        raise RouteFailure(files.RelocationError.duplicated_or_nested_paths)
    if not autorename:
        raise RouteFailure(files.RelocationError.to(conflict_with(place.occupant).error))
    return place if place.occupant is source else free_place(place)


def _is_within(place: Place, source: Node) -> bool:
    return any(place.folder is each for each in walk(source))


def _check_rev(node: Node, parent_rev: str) -> None:
    if not isinstance(node, File):
        raise RouteFailure(files.DeleteError.path_lookup(files.LookupError.not_file))
    if node.revision.rev != parent_rev:
        raise RouteFailure(files.DeleteError.path_write(WriteFailure.conflict("file").error))
