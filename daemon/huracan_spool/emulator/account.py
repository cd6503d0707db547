"""All of one Dropbox account: what the routes act on. No I/O but the blobs' files, no time but `now`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from huracan_spool.emulator.blobs import Blobs, Content
from huracan_spool.emulator.grants import Grants
from huracan_spool.emulator.jobs import Jobs
from huracan_spool.emulator.listing import Listings
from huracan_spool.emulator.nodes import File, Node, path_display
from huracan_spool.emulator.options import EmulatorOptions
from huracan_spool.emulator.sessions import Sessions
from huracan_spool.emulator.tree import Tree
from huracan_spool.emulator.writing import Commit, commit

NAMESPACE = "1234567890"
ACCOUNT_ID = "dbid:AAEmulatorEmulatorEmulatorEmulatorE"
MAX_BODY_BYTES = 150 * 1024 * 1024


@dataclass(frozen=True)
class Write:
    """One effective change. `op`: add, overwrite, copy, move, delete or folder."""

    route: str
    path: str
    content_hash: str | None
    op: str


class Account:
    def __init__(self, options: EmulatorOptions, blobs: Blobs) -> None:
        self.options = options
        self.grants = Grants(options)
        self.blobs = blobs
        self.tree = Tree(NAMESPACE)
        self.sessions = Sessions(options)
        self.listings = Listings(self.tree, names_itself=options.listing_names_itself)
        self.jobs = Jobs(options.job_polls)
        self.writes: list[Write] = []

    def now(self) -> float:
        return self.options.clock()

    def date(self) -> datetime:
        return datetime.fromtimestamp(int(self.now()), UTC)

    def commit(self, route: str, order: Commit, content: Content) -> File:
        """Raises `WriteFailure`."""
        done = commit(self.tree, order, content, self.date(), self.options.quota_bytes)
        if done.op is not None:
            self.log_write(route, done.op, done.file)
        return done.file

    def log_write(self, route: str, op: str, node: Node) -> None:
        content_hash = node.revision.content.content_hash if isinstance(node, File) else None
        self.writes.append(Write(route, path_display(node), content_hash, op))
