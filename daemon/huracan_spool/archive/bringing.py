"""From the store to this host's disk: into the cache, or into a folder where somebody wants a run."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from huracan_spool import layout
from huracan_spool.archive.cache import ContentCache
from huracan_spool.archive.index import Index
from huracan_spool.archive.progress import Progress
from huracan_spool.archive.reader import Damaged, Moved, Reader, StoredFile, Wanted
from huracan_spool.archive.tree import StoredRun, places
from huracan_spool.archive.verifying import (
    Difference,
    Verified,
    of_receipts,
    of_run,
    of_shared_candles,
    of_strangers,
)
from huracan_spool.content_hash import content_hash
from huracan_spool.hashing import content_hash_at
from huracan_spool.manifest import Kind
from huracan_spool.receipt import Receipt
from huracan_spool.record import MAX_RECORD_BYTES, KnownRun, parse_record
from huracan_spool.threads import all_done, all_done_in_turn, in_thread

_RUNS_AT_ONCE = 24
# A zip comes over one connection, and what it saves are calls of half a second.
_MOST_ZIPPED = 64 * 1024 * 1024
_FEW_FILES = 3
_NEEDLESS = 1.5  # times what is wanted may come along


@dataclass
class _Told:
    """Bytes of several files, as one progress."""

    progress: Progress
    doing: str
    total: int
    done: int = 0

    def moved(self, count: int) -> None:
        self.done += count
        self.progress.update(self.doing, self.done, self.total, "bytes")


class Bringing:
    def __init__(self, reader: Reader, index: Index, cache: ContentCache, progress: Progress) -> None:
        self._reader = reader
        self._index = index
        self._cache = cache
        self._progress = progress

    # -- records

    async def record_of(self, run: StoredRun) -> bytes:
        """Raises `Damaged` for one that is not true."""
        data = await self._read_record(run)
        if data is None or _known(run, data) is None:
            raise Damaged(f"{run.folder}: no true record says whose files these are")
        return data

    async def known(self, run: StoredRun) -> KnownRun | None:
        """The run as its record tells it; None where no true record does."""
        data = await self._read_record(run)
        return None if data is None else _known(run, data)

    async def _read_record(self, run: StoredRun) -> bytes | None:
        if run.record is None or run.record.size > MAX_RECORD_BYTES:
            return None
        data = await in_thread(self._index.document, run.record.version)
        if data is None:
            data = await self._reader.read(run.record, MAX_RECORD_BYTES)
            await in_thread(self._index.note_documents, [(run.record.version, data)], are_metrics=False)
        return data

    async def verify(self, run: StoredRun) -> list[Difference]:
        files = places(run)
        hashes = await all_done(self._reader.hash_of(file) for file in files.values())
        known = await self.known(run)
        found = of_run(run, known, dict(zip(files, hashes, strict=True)))
        if known is None:
            return found
        shared = [file for file in self._shared(run.symbol) if _is_candles_of(file, run)]
        by_path = {file.path: await self._reader.hash_of(file) for file in shared}
        return found + of_shared_candles(run, known, run.symbol, by_path)

    async def verify_all(self, runs: Sequence[StoredRun], receipts: Sequence[Receipt], *, whole: bool) -> Verified:
        """With `whole`, which is for all runs there are, also what belongs to none of them."""
        done = 0

        async def one(run: StoredRun) -> list[Difference]:
            nonlocal done
            found = await self.verify(run)
            done += 1
            self._progress.update("verifying", done, len(runs), "runs")
            return found

        found = [each for some in await all_done_in_turn(map(one, runs), _RUNS_AT_ONCE) for each in some]
        if whole:
            found += await in_thread(_strangers, self._index)
        if receipts:
            digests = {known.key.digest for run in runs if (known := await self.known(run))}
            found += of_receipts(receipts, digests)
        return Verified(len(runs), sum(len(places(run)) for run in runs), tuple(sorted(found)))

    # -- single files, through the cache

    async def path_of(self, run: StoredRun, kind: Kind) -> Path:
        """Proven against the run's record. Raises `Damaged`."""
        file = run.files[kind]
        known = _known(run, await self.record_of(run))
        wanted = known.wants.get(file.path.removeprefix(run.folder)) if known else None
        if wanted is None or wanted != await self._reader.hash_of(file):
            raise Damaged(f"{file.path} is not what the run's record says")
        told = _Told(self._progress, f"fetching {Path(file.path).name}", file.size)
        return await self._at_hand(file, wanted, told.moved)

    async def shared_candles(self, symbol: str) -> Mapping[Path, Path]:
        """By the name in the store, oldest first."""
        files = self._shared(symbol)
        told = _Told(self._progress, f"fetching candles of {symbol}", sum(file.size for file in files))

        async def one(file: StoredFile) -> Path:
            return await self._at_hand(file, await self._reader.hash_of(file), told.moved)

        paths = await all_done_in_turn((one(file) for file in files), _RUNS_AT_ONCE)
        return {Path(Path(file.path).name): path for file, path in zip(files, paths, strict=True)}

    def _shared(self, symbol: str) -> list[StoredFile]:
        found = self._index.files_in(f"data/candles/{symbol}/")
        parts = [(file, layout.parse_path(file.path)) for file in found]
        known = [(part.trained_at, part.digest8 or "", file) for file, part in parts if part and part.trained_at]
        return [file for _, _, file in sorted(known, key=lambda each: each[:2])]

    async def _at_hand(self, file: StoredFile, wanted: str, moved: Moved) -> Path:
        own = self._reader.at_hand(file)
        if own is not None:
            return own
        kept = await in_thread(self._cache.find, wanted, file.size, file.modified)
        if kept is not None:
            moved(file.size)
            return kept
        target = self._cache.place(wanted)
        await self._reader.bring(Wanted(file, wanted, target), moved)
        await in_thread(self._cache.keep, target, file.modified)
        return target

    # -- whole runs, into a folder

    async def pull(self, runs: Sequence[StoredRun], folder: Path) -> list[Path]:
        """Each run's own folder, which appears when all of it is there and proven.

        Raises `Damaged` when something is not what it should be, after all others have come.
        """
        total = sum(file.size for run in runs for file in places(run).values())
        told = _Told(self._progress, "fetching runs", total)
        names = await in_thread(_names, folder, runs)
        results = await all_done_in_turn(
            (
                self._pull_one(run, name, told.moved, together=len(runs) > 1)
                for run, name in zip(runs, names, strict=True)
            ),
            _RUNS_AT_ONCE,
        )
        wrong = [result for result in results if isinstance(result, Damaged)]
        if wrong:
            raise Damaged("\n".join(str(each) for each in wrong))
        return [result for result in results if isinstance(result, Path)]

    async def _pull_one(self, run: StoredRun, name: Path, moved: Moved, *, together: bool) -> Path | Damaged:
        files = places(run)
        hashes = await all_done(self._reader.hash_of(file) for file in files.values())
        wanted = dict(zip(files, hashes, strict=True))
        try:
            target = await in_thread(_target, name, run, wanted)
            if target.exists():
                moved(sum(file.size for file in files.values()))
                return target
            incoming = target.with_name(f".{name.name}-{wanted[layout.RECORD_PLACE][:8]}.incoming")
            await self._fill(run, incoming, wanted, moved, together=together)
            await in_thread(_appear, run, wanted, incoming, target)
        except Damaged as error:
            return error
        return target

    async def _fill(
        self, run: StoredRun, incoming: Path, hashes: Mapping[str, str], moved: Moved, *, together: bool
    ) -> None:
        wanted = [Wanted(file, hashes[place], incoming / place) for place, file in places(run).items()]
        missing = [each for each in wanted if not await in_thread(self._is_there, each)]
        moved(sum(each.file.size for each in wanted) - sum(each.file.size for each in missing))
        if together and self._is_better_zipped(run, missing):
            await self._reader.bring_folder(run.folder, missing, moved)
        else:
            await all_done(self._reader.bring(each, moved) for each in missing)

    def _is_there(self, wanted: Wanted) -> bool:
        """From an attempt that was interrupted, or from the cache."""
        file, target = wanted.file, wanted.target
        with suppress(FileNotFoundError):
            return target.stat().st_size == file.size and content_hash_at(target) == wanted.content_hash
        kept = self._cache.find(wanted.content_hash, file.size, file.modified)
        if kept is None:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.copy")
        shutil.copyfile(kept, fresh)
        os.utime(fresh, (file.modified, file.modified))
        fresh.rename(target)
        return True

    def _is_better_zipped(self, run: StoredRun, missing: Sequence[Wanted]) -> bool:
        wanted = sum(each.file.size for each in missing)
        if len(missing) < _FEW_FILES or wanted > _MOST_ZIPPED:
            return False
        return sum(file.size for file in self._index.files_in(run.folder)) <= wanted * _NEEDLESS


def _strangers(index: Index) -> list[Difference]:
    return of_strangers(index.strangers())


def _known(run: StoredRun, data: bytes) -> KnownRun | None:
    return parse_record(data, content_hash(data), run.symbol, run.date.isoformat())


def _is_candles_of(file: StoredFile, run: StoredRun) -> bool:
    parts = layout.parse_path(file.path)
    return parts is not None and parts.trained_at == run.trained_at


def _names(folder: Path, runs: Sequence[StoredRun]) -> list[Path]:
    """`SOL-USDT_20251112_164920`; for another run of that second, the end of its folder's name in the store too."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [folder / f"{run.symbol}_{layout.timestamp(run.trained_at)}" for run in runs]
    seen = Counter(names)
    return [
        name.with_name(f"{name.name}-{run.folder[-9:-1]}") if seen[name] > 1 and run.superseded else name
        for name, run in zip(names, runs, strict=True)
    ]


def _target(name: Path, run: StoredRun, hashes: Mapping[str, str]) -> Path:
    """Where the run is to go, or is; another run may have come there under that name.

    Raises `Damaged` when the run is there and somebody has changed it.
    """
    record = hashes[layout.RECORD_PLACE]
    for target in (name, name.with_name(f"{name.name}-{record[:8]}")):
        if not target.exists():
            return target
        there = target / layout.RECORD_PLACE
        if there.exists() and content_hash_at(there) == record:
            _check_sizes(target, run)
            return target
    raise Damaged(f"{name} holds something else: move it away")


def _check_sizes(target: Path, run: StoredRun) -> None:
    for place, file in places(run).items():
        if not (target / place).is_file() or (target / place).stat().st_size != file.size:
            raise Damaged(f"{target / place} was changed since it was fetched: remove {target} and fetch it again")


def _appear(run: StoredRun, hashes: Mapping[str, str], incoming: Path, target: Path) -> None:
    """Everything has come and is what the store has. Raises `Damaged` when that is not what the record says."""
    data = (incoming / layout.RECORD_PLACE).read_bytes()
    found = of_run(run, _known(run, data), hashes)
    if found:
        lines = "; ".join(f"{each.path} {each.problem}: {each.detail}" for each in found)
        raise Damaged(f"{lines}. What came is in {incoming}")
    for leftover in incoming.rglob(".*"):  # of an attempt that another way made needless
        leftover.unlink()
    try:
        incoming.rename(target)
    except OSError:
        if not target.exists():  # another process was quicker
            raise
