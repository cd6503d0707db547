"""What is pending: the looks at the spool, and what they taught us."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from huracan_spool.errors import Rejected
from huracan_spool.manifest import MANIFEST_SUFFIX, BadManifest
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import open_regular
from huracan_spool.spool.opening import read_manifest
from huracan_spool.spool.protocol import NameKind

# (device, inode, size, mtime, ctime): a manifest that was touched in any way is another one.
Version = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at every name in the spool."""

    manifests: Mapping[str, Version]
    others: frozenset[str]
    badly_named: frozenset[str]
    removals: tuple[str, ...]


def look_at(spool: Spool) -> Look:
    """Raises `OSError`. 100,000 names take about 0.2 s, so it runs in a thread."""
    manifests: dict[str, Version] = {}
    others, removals = set[str](), []
    with os.scandir(spool.root) as entries:
        for entry in entries:
            match protocol.kind_of(entry.name):
                case NameKind.MANIFEST:
                    if (version := version_of(spool, entry.name)) is not None:
                        manifests[entry.name.removesuffix(MANIFEST_SUFFIX)] = version
                    elif entry.is_dir(follow_symlinks=False):
                        others.add(entry.name)
                case NameKind.OTHER:
                    others.add(entry.name)
                case NameKind.HIDDEN if entry.name.startswith(protocol.REMOVING):
                    removals.append(entry.name)
    badly_named = frozenset(name for name in others if name.endswith(MANIFEST_SUFFIX))
    return Look(manifests, frozenset(others), badly_named, tuple(removals))


def version_of(spool: Spool, name: str) -> Version | None:
    """None when nothing is there, or a folder: that is no run, and another user's can't even be moved."""
    try:
        status = os.stat(name, dir_fd=spool.root, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def declared_files(spool: Spool, run: str) -> tuple[str, ...]:
    """The well-named files that a manifest lists, however wrong the rest of it may be."""
    try:
        file = open_regular(spool.root, protocol.manifest_name(run))
    except (Rejected, OSError):
        return ()
    try:
        return read_manifest(file)[0].files
    except BadManifest as bad:
        return bad.files
    except OSError:
        return ()
    finally:
        file.close()


class Intake:
    """The pending runs that the daemon knows of, and which files they name. No I/O."""

    def __init__(self) -> None:
        self._versions: dict[str, Version] = {}
        self._seen_since: dict[str, float] = {}
        self._files_of: dict[str, tuple[str, ...]] = {}
        self._named: Counter[str] = Counter()
        self._others: frozenset[str] = frozenset()

    @property
    def runs(self) -> Mapping[str, Version]:
        return self._versions

    def compare(self, before: Mapping[str, Version], look: Look) -> tuple[dict[str, Version], list[str]]:
        """Runs that are new or were touched, and runs that are gone.

        `before` is what was known when the look began: what an event taught us meanwhile is not gone.
        """
        self._others = look.others
        fresh = {run: found for run, found in look.manifests.items() if self._versions.get(run) != found}
        gone = [
            run
            for run, version in before.items()
            if run not in look.manifests and self._versions.get(run) == version
        ]
        return fresh, gone

    def learn(self, run: str, version: Version, files: Iterable[str], now: float) -> None:
        """`now` is a monotonic clock, in seconds."""
        self.forget(run)
        self._versions[run] = version
        self._seen_since[run] = now
        self._files_of[run] = tuple(files)
        self._named.update(self._files_of[run])

    def forget(self, run: str) -> None:
        self._versions.pop(run, None)
        self._seen_since.pop(run, None)
        for name in self._files_of.pop(run, ()):
            self._named[name] -= 1
            if not self._named[name]:
                del self._named[name]

    def unchanged_since(self, run: str) -> float | None:
        """When the manifest was last seen to change; None for a run that is not known."""
        return self._seen_since.get(run)

    def files_of(self, run: str) -> tuple[str, ...]:
        """The well-named files that the run's manifest lists."""
        return self._files_of.get(run, ())

    def named_by_others(self, run: str, names: Iterable[str]) -> frozenset[str]:
        """Those of `names` that a pending manifest other than `run`'s lists."""
        own = Counter(self._files_of.get(run, ()))
        return frozenset(name for name in names if self._named[name] > own[name])

    def orphans(self) -> frozenset[str]:
        """Names that no pending manifest claims, as of the last look."""
        return self._others - self._named.keys()
