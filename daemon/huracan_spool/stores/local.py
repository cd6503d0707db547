"""The local archive: the same tree and the same rules in a folder of this host.

The steps, and what a crash after each leaves:

1. each file is written under a temporary name in `.incoming` and synced: nothing to be seen, and the next process
   sweeps it away. All of a run's files are ready before the first gets its name, and before an older run moves.
2. the files of older runs are moved, each rename synced: any of them may be at the old or the new place, and the
   next look moves the others.
3. each new file is renamed to a free name: some of them may be there, whole; a look at the folder tells the next
   attempt which are missing. A power cut may take names away again, and the spool still has the run.
4. every folder on the way to the run's files is synced: nothing that a receipt says can go any more.

Every file is read back for its hash before the run counts as stored, unless this process has just hashed those
very bytes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from huracan_spool import layout
from huracan_spool.activity import UNHEARD, Progress
from huracan_spool.content_hash import Hasher
from huracan_spool.errors import NeedsPerson, TryAgain
from huracan_spool.hashing import content_hash_of
from huracan_spool.manifest import Kind
from huracan_spool.record import MAX_RECORD_BYTES, KnownRun, parse_record
from huracan_spool.spool.files import Identity, fsync_folder, open_folder, rename_noreplace, write_all
from huracan_spool.standing import Space, StoreFacts, as_far_as_it_exists
from huracan_spool.stores.base import Content, PlannedRun, Stored, stored_paths
from huracan_spool.stores.reconcile import Add, Move, Plan, Present
from huracan_spool.stores.settling import Patience, settle
from huracan_spool.threads import in_thread

_CHUNK = 1024 * 1024
_INCOMING = ".incoming"
_HASHES_REMEMBERED = 10_000
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR})


class LocalStore:
    """`root` is `{archive}/{app_folder}`. One daemon writes here; the state directory's lock sees to it."""

    name = "local"

    def __init__(self, root: Path, patience: Patience, progress: Progress = UNHEARD) -> None:
        self._root = root
        self._progress = progress
        self._patience = patience
        self._hashes: dict[Identity, str] = {}
        self._swept = False

    async def put(self, run: PlannedRun) -> Stored:
        with _host_trouble(self._root), ExitStack() as staged:
            self._sweep()
            folder = _LocalFolder(self._root, run, self._hashes, staged)
            plan = await settle(folder, run.as_known(), self._patience)
            shared = await in_thread(self._share_candles, run, folder)
            await in_thread(self._keep_names, folder.day / _base(run, plan), shared)
        self._progress.sent(folder.bytes_written)
        paths = stored_paths(run, str(self._root), shared, superseded=plan.superseded)
        return Stored(plan.superseded, paths, folder.bytes_written)

    async def warm_up(self) -> None:
        """Nothing to get ready."""

    async def bring(self, digest: str, artifacts: Mapping[Kind, Content]) -> None:
        """They are near."""

    async def probe(self) -> None:
        with _host_trouble(self._root):
            await in_thread(_write_and_remove, self._root)

    def facts(self) -> StoreFacts:
        with suppress(OSError):
            return StoreFacts(space=Space.at(as_far_as_it_exists(self._root)))
        return StoreFacts()

    def _sweep(self) -> None:
        """Once, before this process stages anything: what a killed one had staged."""
        if not self._swept:
            for leftover in (self._root / _INCOMING).glob("*"):
                leftover.unlink(missing_ok=True)  # a probe takes its own away
            self._swept = True

    def _share_candles(self, run: PlannedRun, folder: _LocalFolder) -> str | None:
        if Kind.CANDLES not in run.artifacts:
            return None
        content = run.artifacts[Kind.CANDLES]
        for path in run.shared_candles():
            if folder.store([(content, self._root / path)]):
                return path
        raise TryAgain(f"both names of the shared candles hold other content: {run.shared_candles()[1]}")

    def _keep_names(self, base: Path, shared: str | None) -> None:
        """Sync every folder on the way to the run's files, before a receipt promises that they are there.

        Whoever put them there: a daemon that was killed may have had the time for a rename and not for the sync,
        and its successor finds the file in place.
        """
        ends = {base, *(each for each in base.iterdir() if each.is_dir())}
        ends |= {(self._root / shared).parent} if shared else set()
        on_the_way = {folder for end in ends for folder in (end, *end.parents)}
        for folder in on_the_way:
            if folder == self._root.parent or folder.is_relative_to(self._root):
                fsync_folder(str(folder))


@dataclass
class _LocalFolder:
    """The day's folder of one run on disk."""

    root: Path
    run: PlannedRun
    hashes: dict[Identity, str]
    staged: ExitStack
    """Removes what was staged and did not get its name: on a full disk it would be in the way."""
    bytes_written: int = 0
    day: Path = field(init=False)
    _ready: dict[str, Path] = field(default_factory=dict)
    _stagings: int = 0

    def __post_init__(self) -> None:
        self.day = self.root / self.run.day_folder

    async def look(self) -> tuple[Sequence[Present], Sequence[KnownRun]]:
        return await in_thread(self._look)

    async def prepare(self, content_hashes: Sequence[str]) -> None:
        await in_thread(self._prepare, content_hashes)

    def _prepare(self, content_hashes: Sequence[str]) -> None:
        contents = self.run.by_hash()
        for content_hash in content_hashes:
            if content_hash not in self._ready:
                self._ready[content_hash] = self._stage(contents[content_hash])

    async def move(self, moves: Sequence[Move]) -> None:
        await in_thread(self._move, moves)

    async def add(self, adds: Sequence[Add]) -> None:
        contents = self.run.by_hash()
        wanted = [(contents[add.content_hash], self.day / add.target) for add in adds]
        await in_thread(self.store, wanted)

    def store(self, wanted: Sequence[tuple[Content, Path]]) -> bool:
        """Store contents at paths that are free or hold the same; False if one holds something else."""
        missing = [(content, path) for content, path in wanted if not os.path.lexists(path)]
        temporaries = [self._staged(content) for content, _ in missing]
        for temporary, (_, path) in zip(temporaries, missing, strict=True):
            _make_folders(path.parent)
            with suppress(FileExistsError):
                _rename(temporary, path)
        return all(self._hash(path) == content.content_hash for content, path in wanted)

    def _staged(self, content: Content) -> Path:
        if content.content_hash in self._ready:
            return self._ready.pop(content.content_hash)
        return self._stage(content)

    def _stage(self, content: Content) -> Path:
        """The content in a durable temporary file, hashed again while it is copied."""
        temporary = self.root / _INCOMING / f"{self.run.digest}.{self._stagings}"
        self._stagings += 1
        _make_folders(temporary.parent)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        self.staged.callback(temporary.unlink, missing_ok=True)
        try:
            copied = _copy(content, fd)
            _set_mtime(fd, self.run.trained_at)
            os.fsync(fd)
            self.hashes[Identity.of(os.fstat(fd))] = copied
        finally:
            os.close(fd)
        self.bytes_written += content.fingerprint.size
        if copied != content.content_hash:
            raise TryAgain(f"the bytes of {self.run.run} changed while they were copied")
        return temporary

    def _look(self) -> tuple[list[Present], list[KnownRun]]:
        listing = [Present(path, path, self._hash(self.day / path)) for path in _files(self.day)]
        places = [present for present in listing if layout.is_record(present.path)]
        records = [self._record(present) for present in places if _is_regular(self.day / present.path)]
        return listing, [record for record in records if record is not None]

    def _record(self, present: Present) -> KnownRun | None:
        with open(self.day / present.path, "rb") as file:
            data = file.read(MAX_RECORD_BYTES + 1)
        if len(data) > MAX_RECORD_BYTES:
            return None
        date = self.run.trained_at.date().isoformat()
        return parse_record(data, present.content_hash, self.run.symbol.folder, date)

    def _move(self, moves: Sequence[Move]) -> None:
        for move in moves:
            source, target = self.day / move.source, self.day / move.target
            _make_folders(target.parent)
            with suppress(FileExistsError, FileNotFoundError):
                _rename(source, target)
            fsync_folder(str(target.parent))
            fsync_folder(str(source.parent))

    def _hash(self, path: Path) -> str:
        """Of what stands there. Of a link or a device, which are never ours, a hash that no content has."""
        if not _is_regular(path):
            return hashlib.sha256(f"{path.lstat().st_mode} {_target(path)}".encode()).hexdigest()
        with open(path, "rb", buffering=0) as file:
            identity = Identity.of(os.fstat(file.fileno()))
            if identity not in self.hashes:
                self.hashes[identity] = content_hash_of(file.fileno())
        return self.hashes[identity]


def _base(run: PlannedRun, plan: Plan) -> str:
    """What the run's places are relative to, in its day's folder."""
    return layout.superseded_folder(run.key.timestamp, run.digest) if plan.superseded else ""


@contextmanager
def _host_trouble(root: Path) -> Iterator[None]:
    """A folder that can't be written needs a person; anything else may pass."""
    try:
        yield
    except OSError as error:
        text = f"the local archive {root} can't be used: {error.strerror}"
        if error.errno in _FULL:
            raise NeedsPerson(text, hint=f"free space, or mend the permissions, of {root}") from error
        raise TryAgain(text) from error


def _files(folder: Path) -> list[str]:
    found = (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    return [path.relative_to(folder).as_posix() for path in found]


def _is_regular(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def _target(path: Path) -> str:
    return os.fsencode(os.readlink(path)).hex() if path.is_symlink() else ""


def _rename(source: Path, target: Path) -> None:
    """Raises `FileExistsError` rather than replacing anything."""
    rename_noreplace(-100, str(source), -100, str(target))  # -100 is AT_FDCWD: the paths are absolute


def _make_folders(folder: Path) -> None:
    """As mkdir -p; the result survives a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        with suppress(FileExistsError):
            path.mkdir()
        fsync_folder(str(path.parent))


def _copy(content: Content, target: int) -> str:
    hasher = Hasher()
    for part in _parts(content.source):
        hasher.update(part)
        write_all(target, part)
    return hasher.finish().content_hash


def _parts(source: int | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    at = 0
    while part := os.pread(source, _CHUNK, at):
        yield part
        at += len(part)


def _set_mtime(fd: int, moment: datetime) -> None:
    with suppress(OSError, OverflowError):  # a file system that can't say 1850; the record still can
        os.utime(fd, (moment.timestamp(), moment.timestamp()))


def _write_and_remove(root: Path) -> None:
    _make_folders(root / _INCOMING)
    folder = open_folder(str(root / _INCOMING))
    try:
        fd = os.open(".probe", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=folder)
        os.write(fd, b"x")
        os.close(fd)
        os.unlink(".probe", dir_fd=folder)
    finally:
        os.close(folder)
