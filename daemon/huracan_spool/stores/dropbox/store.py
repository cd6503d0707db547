"""The Dropbox store: a run's bytes across, one commit, and proof that it is there.

A run begins with a claim: every file and the record in one commit, without a look. Whatever that answers, a
look follows, and `stores.reconcile` says whether anything is left to do. That a commit met no conflict is no
proof: Dropbox need not apply a batch as a whole, and another host's may have come in between. The look is cheap,
for runs of one date share it, and it comes when the run is visible already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import and_

from huracan_spool import layout
from huracan_spool.activity import UNHEARD, Progress, Stage
from huracan_spool.errors import NeedsPerson, Rejected, StoreError, TryAgain, Unknown, Unreachable
from huracan_spool.manifest import Kind
from huracan_spool.record import MAX_RECORD_BYTES, KnownRun, parse_record
from huracan_spool.standing import StoreFacts
from huracan_spool.stores.base import Content, PlannedRun, Stored, stored_paths
from huracan_spool.stores.dropbox.api import (
    CommitEntry,
    Conflict,
    DropboxApi,
    Missing,
    MoveEntry,
    RemoteFile,
    SessionClosed,
    SessionGone,
    TooBig,
    WrongOffset,
)
from huracan_spool.stores.dropbox.batches import Result
from huracan_spool.stores.dropbox.changes import Changes
from huracan_spool.stores.dropbox.looks import Looks
from huracan_spool.stores.dropbox.run_sessions import RunSessions
from huracan_spool.stores.dropbox.uploader import Uploader
from huracan_spool.stores.reconcile import Add, Move, Present
from huracan_spool.stores.settling import Patience, settle
from huracan_spool.threads import both

_SESSION_TROUBLE = (SessionGone, SessionClosed, WrongOffset)
_RECORDS_REMEMBERED = 1000
_UNFINISHED_REMEMBERED = 100
_DAYS_REMEMBERED = 10_000
TRIES = 3
CHEAP_TO_SEND = 256 * 1024  # bytes that cost less than their part in a copy
ReadRecord = Callable[[PlannedRun, str, str], Awaitable[KnownRun | None]]


class DropboxStore:
    """`app_folder` is the folder that everything goes under, such as `Huracan`, or empty."""

    name = "dropbox"

    def __init__(
        self,
        api: DropboxApi,
        uploader: Uploader,
        changes: Changes,
        patience: Patience,
        app_folder: str,
        progress: Progress = UNHEARD,
    ) -> None:
        self._api = api
        self._uploader = uploader
        self._changes = changes
        self._patience = patience
        self._root = f"/{app_folder}".rstrip("/")
        self._progress = progress
        self._looks = Looks(api)
        # Days in which files were seen: a claim there would only be in the way for a moment.
        self._filled: set[str] = set()
        self._records: dict[str, KnownRun | None] = {}
        self._unfinished: dict[str, RunSessions] = {}

    async def put(self, run: PlannedRun) -> Stored:
        folder = _RemoteFolder(
            self._api,
            self._changes,
            self._looks,
            self._root,
            run,
            self._sessions_for(run.digest, run.by_hash()),
            self._known_run,
            self._progress,
            has_files=run.day_folder in self._filled,
        )
        try:
            return await self._put(run, folder)
        except _ShownEmpty:
            folder.has_files = False  # the next attempt believes it: somebody may have removed it all
            raise
        finally:
            self._remember(run.day_folder, has_files=folder.has_files)

    async def _put(self, run: PlannedRun, folder: _RemoteFolder) -> Stored:
        if not run.tried_before and not folder.has_files:
            await folder.claim()
        shared: str | None
        if folder.candles_id is not None:  # committed: the copy need not wait for the look
            settling = settle(folder, run.as_known(), self._patience)
            plan, shared = await both(settling, folder.share_candles(folder.candles_id))
        else:
            plan = await settle(folder, run.as_known(), self._patience)
            shared = await folder.share_candles(folder.candles_id) if Kind.CANDLES in run.artifacts else None
        paths = stored_paths(run, self._root, shared, superseded=plan.superseded)
        self._unfinished.pop(run.digest, None)  # it may have been the oldest of too many
        return Stored(plan.superseded, paths, folder.sessions.bytes_sent)

    async def bring(self, digest: str, artifacts: Mapping[Kind, Content]) -> None:
        """The candles twice: for the shared copy, which is sent as well as long as the line is idle."""
        if not self._uploader.is_idle:
            return
        by_hash = {content.content_hash: content for content in artifacts.values()}
        candles = [artifacts[Kind.CANDLES].content_hash] if Kind.CANDLES in artifacts else []
        with suppress(StoreError, Rejected):
            await self._sessions_for(digest, by_hash).prepare([*by_hash, *candles])

    async def warm_up(self) -> None:
        await self._uploader.warm_up()

    async def probe(self) -> None:
        await self._api.check_account()

    def facts(self) -> StoreFacts:
        return StoreFacts(token_good_for=self._api.token_good_for())

    def _remember(self, day: str, *, has_files: bool) -> None:
        if not has_files:
            self._filled.discard(day)
            return
        if len(self._filled) >= _DAYS_REMEMBERED:
            self._filled.clear()  # to know of none costs a call or two
        self._filled.add(day)

    def _sessions_for(self, digest: str, contents: Mapping[str, Content]) -> RunSessions:
        """What this process brought across already is not sent again."""
        sessions = self._unfinished.pop(digest, None) or RunSessions(self._uploader, contents)
        sessions.contents = {**sessions.contents, **contents}  # opened anew; the record is known to `put` alone
        while len(self._unfinished) >= _UNFINISHED_REMEMBERED:
            del self._unfinished[next(iter(self._unfinished))]
        self._unfinished[digest] = sessions
        return sessions

    async def _known_run(self, run: PlannedRun, id_: str, content_hash: str) -> KnownRun | None:
        """What a record in the folder of `run` says; read once, for content never changes."""
        key = f"{run.day_folder}/{content_hash}"
        if key not in self._records:
            if len(self._records) >= _RECORDS_REMEMBERED:
                self._records.clear()
            self._records[key] = await self._read_record(run, id_, content_hash)
        return self._records[key]

    async def _read_record(self, run: PlannedRun, id_: str, content_hash: str) -> KnownRun | None:
        try:
            data = await self._api.download(id_, limit=MAX_RECORD_BYTES)
        except TooBig:
            return None
        date = run.trained_at.date().isoformat()
        return parse_record(data, content_hash, run.symbol.folder, date)


class _ShownEmpty(TryAgain):
    """A listing contradicts what is known. Believed, it would have files added that are there already."""


@dataclass
class _RemoteFolder:
    """The day's folder of one run in Dropbox; paths of the plan are relative to it."""

    api: DropboxApi
    changes: Changes
    looks: Looks
    root: str
    run: PlannedRun
    sessions: RunSessions
    known_run: ReadRecord
    progress: Progress
    candles_id: str | None = None
    shared_at: str | None = None
    answer_was_lost: bool = False
    has_files: bool = False
    """Something lies in the folder, by what Dropbox has said so far."""

    @property
    def _day(self) -> str:
        return f"{self.root}/{self.run.day_folder}"

    async def claim(self) -> None:
        """Add everything at the fixed places, the record first, if they are free."""
        ours = self.run.as_known().wants
        adds = [Add(content_hash, place) for place, content_hash in ours.items()]
        shared = [self.run.shared_candles()[0]] if self._shares_by_sending() else []
        await self._commit(adds, shared)

    def _shares_by_sending(self) -> bool:
        """Whether the shared candles are sent a second time, in the run's own commit, or copied by Dropbox.

        While the line is idle the bytes travel beside the others and cost no time; a copy would be another
        call. When others wait for the line, a copy shared by many runs is cheaper than anything but a few bytes.
        """
        candles = self.run.artifacts.get(Kind.CANDLES)
        if candles is None:
            return False
        cheap = candles.fingerprint.size <= CHEAP_TO_SEND or not self.sessions.uploader.is_busy
        return cheap or len(self.sessions.ready[candles.content_hash]) > 1

    async def look(self) -> tuple[Sequence[Present], Sequence[KnownRun]]:
        listing, recorded = [], []
        files = await self.looks.files_in(self._day)
        if self.has_files and not files:
            raise _ShownEmpty(f"{self._day} is shown empty, which it was not before: its listing may be late")
        self.has_files = bool(files)
        for file in files:
            path = layout.canonical(file.path[len(self._day) + 1 :])
            present = Present(path, file.id, file.content_hash or file.id)
            listing.append(present)
            if present.content_hash == self.run.record.content_hash:
                recorded.append(self.run.as_known())
            elif layout.is_record(path):
                known = await self.known_run(self.run, file.id, present.content_hash)
                recorded += [known] if known else []
        return listing, recorded

    async def prepare(self, content_hashes: Sequence[str]) -> None:
        await self.sessions.prepare(content_hashes)

    async def move(self, moves: Sequence[Move]) -> None:
        if not moves:
            return
        entries = [MoveEntry(move.id, f"{self._day}/{move.target}") for move in moves]
        try:
            results = await self.changes.move(entries)
        except Unknown as error:
            results = [error]
        self._note_lost(results)
        for result in results:
            if isinstance(result, StoreError) and not isinstance(result, Conflict | Missing | Unknown):
                raise result

    async def add(self, adds: Sequence[Add]) -> None:
        if adds:
            await self._commit(adds, [])

    def _note_lost(self, results: Sequence[Result]) -> None:
        """One lost answer is followed by a look at once. More in one attempt are no accident any more."""
        lost = [result for result in results if isinstance(result, Unknown)]
        if lost and self.answer_was_lost:
            raise TryAgain(f"again nobody says whether it took effect: {lost[0]}")
        self.answer_was_lost = self.answer_was_lost or bool(lost)

    async def share_candles(self, committed: str | None) -> str:
        """The path of the shared copy, which is there with our content when this returns.

        `committed` is the id of the candles in the day's folder, if it is known.
        """
        for path in self.run.shared_candles():
            if self.shared_at == path or await self._shared_as(path, committed):
                return path
        raise TryAgain(f"both names of the shared candles hold other content: {path}")

    async def _shared_as(self, path: str, committed: str | None) -> bool:
        full, wanted = f"{self.root}/{path}", self.run.artifacts[Kind.CANDLES].content_hash
        if committed is not None and await self._copied_to(full, wanted, committed):
            return True
        for _ in range(TRIES):
            found = await self.api.get_metadata(full)
            if found is not None:
                return found.content_hash == wanted
            await self._commit([], [path])
            if self.shared_at == path:
                return True
        raise TryAgain(f"{path} can neither be added nor found")

    async def _copied_to(self, full: str, wanted: str, committed: str) -> bool:
        """Have Dropbox copy what was committed; False when that must be looked at, whatever the reason."""
        [result] = await self.changes.copy([MoveEntry(committed, full)])
        if isinstance(result, NeedsPerson | Unreachable):
            raise result
        return isinstance(result, RemoteFile) and result.content_hash == wanted

    async def _commit(self, adds: Sequence[Add], shared: Sequence[str]) -> None:
        """Commit contents at their places. What is in the way is no error, nor is a lost answer: a look tells."""
        todo = [(add.content_hash, f"{self._day}/{add.target}") for add in adds]
        candles = self.run.artifacts[Kind.CANDLES].content_hash if shared else ""
        todo += [(candles, f"{self.root}/{path}") for path in shared]
        for _ in range(TRIES):
            results = await self._commit_once(todo)
            self._note_candles(shared, todo, results)
            todo = [t for t, result in zip(todo, results, strict=True) if isinstance(result, _SESSION_TROUBLE)]
            if not todo:
                return
        raise TryAgain("Dropbox does not keep the sessions it gave out")

    async def _commit_once(self, todo: Sequence[tuple[str, str]]) -> list[Result]:
        await self.sessions.prepare([content_hash for content_hash, _ in todo])
        self.progress.enters(self.run.run, Stage.COMMITTING)
        entries = [self._entry(content_hash, path) for content_hash, path in todo]
        results = await self.changes.commit(entries)
        for entry, (content_hash, _), result in zip(entries, todo, results, strict=True):
            if isinstance(result, Conflict | TryAgain | Unknown | NeedsPerson):
                # Unknown too: a session is committed once, so a late effect and a repetition can't both count.
                self.sessions.give_back(content_hash, entry.session_id)
            else:  # used up, or not to be used any more
                await self.sessions.uploader.forget(self.sessions.contents[content_hash], entry.session_id)
            if isinstance(result, RemoteFile) and result.content_hash != content_hash:
                raise TryAgain(
                    f"{entry.path} was stored with the content hash {result.content_hash}, not {content_hash}"
                )
        in_the_day = [entry.path.startswith(f"{self._day}/") for entry in entries]
        there = [isinstance(result, RemoteFile | Conflict) for result in results]
        self.has_files = self.has_files or any(map(and_, in_the_day, there))
        for result in results:
            if isinstance(result, StoreError) and not isinstance(result, (*_SESSION_TROUBLE, Conflict, Unknown)):
                raise result
        self._note_lost(results)
        return results

    def _entry(self, content_hash: str, path: str) -> CommitEntry:
        size = self.sessions.contents[content_hash].fingerprint.size
        return CommitEntry(self.sessions.use(content_hash), size, path, _client_modified(self.run.trained_at))

    def _note_candles(
        self, shared: Sequence[str], todo: Sequence[tuple[str, str]], results: Sequence[Result]
    ) -> None:
        place = f"/{self.run.place(Kind.CANDLES)}"
        for (_, path), result in zip(todo, results, strict=True):
            if isinstance(result, RemoteFile) and path.startswith(f"{self._day}/") and path.endswith(place):
                self.candles_id = result.id
            elif isinstance(result, RemoteFile) and path.removeprefix(f"{self.root}/") in shared:
                self.shared_at = path.removeprefix(f"{self.root}/")


def _client_modified(trained_at: datetime) -> datetime | None:
    """Dropbox's clients show dates from 1970 on; an earlier one stays in the record alone."""
    return trained_at if trained_at.year >= 1970 else None
