"""One namespace: the tree of files and folders, its history and its journal of changes. No policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from dropbox import files

from huracan_spool.emulator import paths
from huracan_spool.emulator.blobs import Content
from huracan_spool.emulator.failures import LookupFailure, WriteFailure
from huracan_spool.emulator.journal import Journal
from huracan_spool.emulator.nodes import (
    File,
    Folder,
    Identities,
    Node,
    Revision,
    files_below,
    path_display,
    path_lower,
    walk,
)
from huracan_spool.emulator.paths import Address, MalformedPath


@dataclass(frozen=True)
class Place:
    """Where a write would go: the deepest folder there is, the folders still missing, and the name."""

    folder: Folder
    missing: tuple[str, ...]
    name: str
    occupant: Node | None

    def renamed(self, name: str) -> Place:
        occupant = None if self.missing else self.folder.children.get(paths.key(name))
        return replace(self, name=name, occupant=occupant)


class Tree:
    """Case-insensitive and case-preserving. `files` is how many there are, `used` the sum of their bytes."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.root = Folder(id="", name="")
        self.files = 0
        self.used = 0
        self.journal = Journal()
        self.deleted: dict[str, str] = {}
        self._by_id: dict[str, Node] = {}
        # The file itself as long as the revision is its current one, then what it was.
        self._revisions: dict[str, File] = {}
        self._identities = Identities()

    def find(self, address: Address) -> Node:
        """The node at an address. Raises `LookupFailure`."""
        node: Node | None = self._start(address)
        for name in address.names:
            node = node.children.get(paths.key(name)) if isinstance(node, Folder) else None
        if node is None:
            raise LookupFailure(files.LookupError.not_found)
        return node

    def find_path(self, path: str) -> Node:
        try:
            return self.find(paths.parse(path))
        except MalformedPath as error:
            raise LookupFailure.malformed() from error

    def revision(self, rev: str) -> File:
        """The file as it was at a revision, with the name and the place it had then."""
        file = self._revisions.get(rev)
        if file is None:
            raise LookupFailure(files.LookupError.not_found)
        return file

    def place(self, path: str) -> Place:
        """Where a write to `path` goes. Raises `WriteFailure`."""
        try:
            address = paths.parse(path)
        except MalformedPath as error:
            raise WriteFailure.malformed() from error
        if any(paths.is_disallowed(name) for name in address.names):
            raise WriteFailure(files.WriteError.disallowed_name)
        return self._place(address)

    def add_file(self, place: Place, content: Content, modified: datetime, now: datetime) -> File:
        folder = self._make_missing(place)
        file = File(self._identities.new_id(), place.name, folder, self._revision(content, modified, now))
        self._attach(file)
        return file

    def replace_content(self, file: File, content: Content, modified: datetime, now: datetime) -> None:
        """A new revision; the id and the name stay."""
        self.used += content.size - file.revision.content.size
        self._keep_revision(file)
        file.revision = self._revision(content, modified, now)
        self._remember(file)

    def add_folder(self, place: Place) -> Folder:
        parent = self._make_missing(place)
        folder = Folder(self._identities.new_id(), place.name, parent)
        self._attach(folder)
        return folder

    def plant_file(
        self, folder: Folder, key: str, name: str, content: Content, modified: datetime, now: datetime
    ) -> None:
        """A file that no journal tells of, at a free place. Its name and key belong together."""
        file = File(self._identities.new_id(), name, folder, self._revision(content, modified, now))
        self.used += content.size
        self.files += 1
        self._revisions[file.revision.rev] = file
        self._plant(file, folder, key)

    def plant_folder(self, parent: Folder, key: str, name: str) -> Folder:
        folder = Folder(self._identities.new_id(), name, parent)
        self._plant(folder, parent, key)
        return folder

    def remove(self, node: Node) -> None:
        self._detach(node)
        for each in walk(node):
            self.deleted[path_lower(each)] = path_display(each)

    def move(self, node: Node, place: Place, now: datetime) -> None:
        """Ids stay; files get new revs."""
        self.remove(node)
        for file in files_below(node):
            self._keep_revision(file)
        node.parent = self._make_missing(place)
        node.name = place.name
        for file in files_below(node):
            file.revision = self._revision(file.revision.content, file.revision.client_modified, now)
        self._attach(node)

    def copy(self, node: Node, place: Place, now: datetime) -> Node:
        twin = self._twin(node, self._make_missing(place), place.name, now)
        self._attach(twin)
        return twin

    def _start(self, address: Address) -> Node | None:
        if address.id is not None:
            return self._by_id.get(address.id)
        if address.namespace not in {None, self.namespace}:
            return None
        return self.root

    def _place(self, address: Address) -> Place:
        start = self._start(address)
        if start is None:
            raise WriteFailure(
                files.WriteError.malformed_path(None) if address.id else files.WriteError.no_write_permission
            )
        if not address.names:
            return self._place_of(start)
        folder, missing = self._descend(start, address.names[:-1])
        return Place(folder, missing, "", None).renamed(address.names[-1])

    def _place_of(self, node: Node) -> Place:
        if node.parent is None:
            raise WriteFailure.malformed()
        return Place(node.parent, (), node.name, node)

    def _descend(self, node: Node, names: tuple[str, ...]) -> tuple[Folder, tuple[str, ...]]:
        for depth, name in enumerate(names):
            if not isinstance(node, Folder):
                raise WriteFailure.conflict("file_ancestor")
            child = node.children.get(paths.key(name))
            if child is None:
                return node, names[depth:]
            node = child
        if not isinstance(node, Folder):
            raise WriteFailure.conflict("file_ancestor")
        return node, ()

    def _make_missing(self, place: Place) -> Folder:
        folder = place.folder
        for name in place.missing:
            child = Folder(self._identities.new_id(), name, folder)
            self._attach(child)
            folder = child
        return folder

    def _attach(self, node: Node) -> None:
        if node.parent is None:
            raise ValueError("the root is nobody's child")
        node.parent.children[paths.key(node.name)] = node
        for each in walk(node):
            self._by_id[each.id] = each
            self._remember(each)
        self._count(node, 1)

    def _count(self, node: Node, sign: int) -> None:
        for file in files_below(node):
            self.used += sign * file.revision.content.size
            self.files += sign

    def _plant(self, node: Node, parent: Folder, key: str) -> None:
        parent.children[key] = node
        self._by_id[node.id] = node
        if self.deleted:
            self.deleted.pop(path_lower(node), None)

    def _detach(self, node: Node) -> None:
        if node.parent is None:
            raise ValueError("the root stays")
        del node.parent.children[paths.key(node.name)]
        for each in walk(node):
            # Each one: a folder may be back under the same name before anybody asks.
            self.journal.append(path_lower(each))
            del self._by_id[each.id]
        self._count(node, -1)

    def _remember(self, node: Node) -> None:
        lowered = path_lower(node)
        self.journal.append(lowered)
        self.deleted.pop(lowered, None)
        if isinstance(node, File):
            self._revisions[node.revision.rev] = node

    def _keep_revision(self, file: File) -> None:
        """Before it gets another."""
        self._revisions[file.revision.rev] = replace(file)

    def _revision(self, content: Content, modified: datetime, now: datetime) -> Revision:
        return Revision(self._identities.new_rev(), content, modified, now)

    def _twin(self, node: Node, parent: Folder, name: str, now: datetime) -> Node:
        new_id = self._identities.new_id()
        if isinstance(node, File):
            past = node.revision
            return File(new_id, name, parent, self._revision(past.content, past.client_modified, now))
        twin = Folder(new_id, name, parent)
        for key, child in node.children.items():
            twin.children[key] = self._twin(child, twin, child.name, now)
        return twin
