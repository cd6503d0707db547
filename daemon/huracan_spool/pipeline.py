"""One run, from its entry in the spool to an outcome.

Up to the receipt nothing in the spool is changed: after a crash the next attempt begins again and finds in the
store whatever this one got done. From the receipt on, `spool.cleanup` and `spool.quarantine` say what a crash
after each step leaves.
"""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import Callable, Hashable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog

from huracan_spool import layout
from huracan_spool.activity import Activity, Stage
from huracan_spool.budget import Budget
from huracan_spool.codes import Code
from huracan_spool.errors import NeedsPerson, Refused, Rejected, StoreError, TryAgain, Unreachable
from huracan_spool.inspecting import Inspector
from huracan_spool.ledger import Attempt, FirstTry, Ledger
from huracan_spool.manifest import BadManifest, Kind, Manifest, odd_time, parse_symbol, parse_trained_at
from huracan_spool.models import is_worth_keeping, keep_model, prune_models
from huracan_spool.outcome import Gone, Later, Outcome, Parked, Pause, Settled
from huracan_spool.preparing import ReadRun, plan_run, read_run
from huracan_spool.receipt import FAILED, UPLOADED, ArtifactReceipt, Receipt, results_of
from huracan_spool.record import rfc3339
from huracan_spool.run_wait import RunWait
from huracan_spool.spool.cleanup import remove_files, unfinished_cleanup
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import Identity, open_regular
from huracan_spool.spool.opening import OpenRun, Withdrawn, opened_run, pending_manifest
from huracan_spool.spool.quarantine import Failure, finish_interrupted, quarantine
from huracan_spool.spool.receipts import write_receipt
from huracan_spool.stores.base import PlannedRun, Store, Stored
from huracan_spool.threads import alongside, in_thread

# A file at rest by then, a host with time for the inspection: these need not be the run's own fault.
MAY_PASS = (Code.CHANGED_WHILE_READING, Code.INSPECTION_FAILED)
TRIES_IF_IT_MAY_PASS = 3
DEFECTS_TOLERATED = 3
# What is read before its turn on the line stays in the page cache until then, at the expense of training's data.
BYTES_UNDER_WAY = 1024 * 1024 * 1024
EnterLane = Callable[[Hashable], bool]


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """Times in seconds. `run_delay` says how long a run waits for the n-th time.

    `readers` runs are read at a time: reading is what takes CPU and disk from training.
    """

    settle: float
    readers: int
    inspector: Inspector | None
    keep_models: int
    models: Path
    allowed_uids: frozenset[int] | None
    give_up: float | None
    run_delay: Callable[[int], float]
    host: str
    uploader: str


class PendingRuns(Protocol):
    """What the pipeline asks about the pending runs."""

    def unchanged_since(self, run: str) -> float | None: ...

    def files_of(self, run: str) -> tuple[str, ...]: ...

    async def named_by_others(self, spool: Spool, run: str, names: tuple[str, ...]) -> frozenset[str]:
        """Waits until every pending manifest has been read. Raises `Withdrawn` when another spool is in use."""
        ...

    def let_go(self, run: str, manifest: Identity | None) -> None:
        """From now on a settled run keeps none of its files from being removed."""
        ...


@dataclass
class _Try:
    """What is known of an attempt so far."""

    spool: Spool
    run: str
    manifest: Manifest | None = None
    attempt: Attempt | None = None
    inspection: Mapping[str, Any] | None = None

    @property
    def number(self) -> int:
        return self.attempt.number if self.attempt else 1


class Pipeline:
    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        pending: PendingRuns,
        options: PipelineOptions,
        activity: Activity,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._pending = pending
        self._options = options
        self._activity = activity
        self._monotonic = monotonic
        self._now = now
        self._reading = asyncio.Semaphore(options.readers)
        self._under_way = Budget(BYTES_UNDER_WAY)
        self._defects: dict[str, int] = {}
        self._waits: dict[str, RunWait] = {}
        self._told: set[str] = set()  # runs whose start was logged
        self._interrupted: dict[str, Failure] = {}  # quarantines that trouble of the host has broken off
        self._quarantining = asyncio.Lock()
        self._log = structlog.get_logger()

    async def attempt(self, spool: Spool, run: str, enter_lane: EnterLane) -> Outcome:
        """Take one run as far as it goes now. Raises nothing but `CancelledError`."""
        outcome = await self._attempt_once(spool, run, enter_lane)
        if isinstance(outcome, Settled | Gone):
            self._waits.pop(run, None)
            self._told.discard(run)
        return outcome

    async def _attempt_once(self, spool: Spool, run: str, enter_lane: EnterLane) -> Outcome:
        this = _Try(spool, run)
        try:
            return await self._attempt_or_reject(this, enter_lane)
        except Withdrawn:
            with suppress(sqlite3.Error):
                await in_thread(self._ledger.settled, run)
            return Gone()
        except NeedsPerson as error:
            return Pause(str(error), error.hint, needs_person=True)
        except Unreachable as error:
            return Pause(str(error), error.hint, needs_person=False)
        except StoreError as error:
            wish = error.retry_after if isinstance(error, TryAgain) else None
            return await self._later(this, str(error), wish, action=error.hint, store_used=True)
        except (OSError, sqlite3.Error) as error:
            return await self._later(this, f"trouble on this host: {error}", action=_action_for(error))
        except Exception as error:  # noqa: BLE001 - the end of a unit of work: a defect costs this run, not the daemon
            self._defects[run] = self._defects.get(run, 0) + 1
            self._log.exception("internal_error", run=run, times=self._defects[run])
            return await self._later(this, f"a defect of the daemon: {error!r}", action="report internal_error")

    async def _attempt_or_reject(self, this: _Try, enter_lane: EnterLane) -> Outcome:
        if this.run in self._interrupted and (outcome := await self._finish_interrupted(this)):
            return outcome
        try:
            return await self._attempt(this, enter_lane)
        except Rejected as rejected:
            return await self._reject(this, rejected)
        except Refused as refused:
            reason = f"{refused}{f'; {refused.hint}' if refused.hint else ''}"
            return await self._reject(this, Rejected(Code.REFUSED_BY_STORE, reason))

    async def _attempt(self, this: _Try, enter_lane: EnterLane) -> Outcome:
        receipt = await in_thread(unfinished_cleanup, this.spool, this.run)
        if receipt is not None:
            await self._clean_up(this.spool, receipt)
            return Settled(store_used=False)
        async with opened_run(this.spool, this.run, self._options.allowed_uids) as entry:
            this.manifest = entry.manifest
            sizes = {file.fd: file.identity.size for file in entry.files.values()}
            self._activity.opened(this.run, entry.manifest.symbol.text, sizes)
            if not enter_lane((entry.manifest.symbol.folder, entry.manifest.trained_at.date())):
                return Parked()
            if self._defects.get(this.run, 0) >= DEFECTS_TOLERATED:
                raise Rejected(Code.INTERNAL_ERROR, "the daemon failed on this run three times; see its log")
            await in_thread(entry.make_durable, this.spool)
            now = rfc3339(self._now())
            this.attempt = await in_thread(self._ledger.begin, entry.run, entry.manifest_sha256, now)
            if this.attempt.number == 1:
                self._announce(entry)
            self._check_patience(this.attempt)
            self._activity.enters(this.run, Stage.WAITING)
            async with self._under_way.share(entry.total_bytes):
                return await self._upload(this, entry, this.attempt)

    async def _upload(self, this: _Try, entry: OpenRun, attempt: Attempt) -> Outcome:
        started = self._monotonic()
        async with AsyncExitStack() as ahead:
            async with self._reading:
                self._activity.enters(this.run, Stage.INSPECTING)
                read = await read_run(entry)
                first = await in_thread(self._ledger.first_try, read.digest, rfc3339(self._now()))
                if first.is_now:  # else the store may have all of it
                    # On an idle line the bytes are on their way before it is known what inspection says of them.
                    await ahead.enter_async_context(alongside(self._store.bring(read.digest, read.contents())))
                await self._inspect(this, entry, attempt)
            self._activity.enters(this.run, Stage.UPLOADING)
            stored = await self._store.put(self._plan(this, read, first))
        receipt = self._uploaded_receipt(this, read, stored, attempt)
        await in_thread(write_receipt, this.spool, receipt)
        self._activity.settled(receipt)
        self._log.info(
            "comprehensive_dropbox_upload_complete",
            symbol=entry.manifest.symbol.text,
            run=entry.run,
            results=receipt.results,
            store=self._store.name,
            bytes=stored.bytes_sent,
            seconds=round(self._monotonic() - started, 3),
            **({"superseded": True} if stored.superseded else {}),
        )
        await self._clean_up(this.spool, receipt)
        return Settled(store_used=True)

    async def _inspect(self, this: _Try, entry: OpenRun, attempt: Attempt) -> None:
        """Raises `Rejected` for what inspection finds broken."""
        inspector = self._options.inspector
        if inspector is not None:
            report = await inspector.look_at(entry)
            this.inspection = report.to_json()
            inspector.judge(entry, report, first_time=attempt.number == 1)

    def _plan(self, this: _Try, read: ReadRun, first: FirstTry) -> PlannedRun:
        # Once for a run, not for each try.
        tell = self._log.debug if read.entry.run in self._told else self._log.info
        self._told.add(read.entry.run)
        tell("starting_comprehensive_dropbox_upload", symbol=read.entry.manifest.symbol.text, run=read.entry.run)
        return plan_run(
            read,
            uploaded_at=first.at,
            host=self._options.host,
            uploader=self._options.uploader,
            tried_before=not first.is_now,
            inspection=this.inspection,
        )

    def _check_patience(self, attempt: Attempt) -> None:
        """Raises `Rejected` when the run has been tried for longer than `retry.give_up`."""
        give_up = self._options.give_up
        if give_up is None or attempt.number == 1:
            return
        if self._now() - parse_trained_at(attempt.queued_at) > timedelta(seconds=give_up):
            raise Rejected(
                Code.GAVE_UP,
                f"not uploaded in {attempt.number - 1} attempts since {attempt.queued_at} (retry.give_up); the log "
                "says why; `huracan-spool failed retry` tries again",
            )

    def _announce(self, entry: OpenRun) -> None:
        manifest = entry.manifest
        self._log.info(
            "run_queued",
            run=entry.run,
            symbol=manifest.symbol.text,
            artifacts=len(entry.files),
            bytes=entry.total_bytes,
        )
        odd = odd_time(manifest.trained_at, self._now())
        for warning in (*manifest.warnings, *((odd,) if odd else ())):
            self._log.warning("manifest_is_odd", run=entry.run, warning=warning)

    def _uploaded_receipt(self, this: _Try, read: ReadRun, stored: Stored, attempt: Attempt) -> Receipt:
        entry = read.entry
        return Receipt(
            run=entry.run,
            status=UPLOADED,
            manifest_sha256=entry.manifest_sha256,
            manifest=entry.manifest_file.identity,
            settled_at=rfc3339(self._now()),
            symbol=entry.manifest.symbol.text,
            trained_at=rfc3339(entry.manifest.trained_at),
            digest=read.digest,
            superseded=stored.superseded,
            results=results_of(entry.files.keys(), ok=True),
            artifacts=read.artifact_receipts(stored.paths),
            attempts=attempt.number,
            bytes_sent=stored.bytes_sent,
            queued_at=attempt.queued_at,
            started_at=attempt.started_at,
            inspection=this.inspection,
        )

    # -- after the receipt

    async def _clean_up(self, spool: Spool, receipt: Receipt) -> None:
        self._activity.enters(receipt.run, Stage.CLEANING)
        if Kind.MODEL in receipt.artifacts:
            await in_thread(self._keep_model, spool, receipt, receipt.artifacts[Kind.MODEL])
        names = tuple(artifact.file for artifact in receipt.artifacts.values())
        async with self._quarantining:  # a run on its way there still names its files, but takes no more of them
            self._pending.let_go(receipt.run, receipt.manifest)
            shared = await self._pending.named_by_others(spool, receipt.run, names)
        await in_thread(remove_files, spool, receipt, shared)
        await in_thread(self._ledger.settled, receipt.run)
        self._defects.pop(receipt.run, None)
        self._log.info("temp_files_cleaned_up", run=receipt.run)

    def _keep_model(self, spool: Spool, receipt: Receipt, model: ArtifactReceipt) -> None:
        folder = parse_symbol(receipt.symbol or "").folder
        stamp = layout.timestamp(parse_trained_at(receipt.trained_at or ""))
        keep, models = self._options.keep_models, self._options.models
        if keep == 0 or not is_worth_keeping(models, folder, stamp, keep):
            return
        try:
            file = open_regular(spool.root, model.file)
        except Rejected:  # an earlier clean-up got further
            return
        try:
            sent = model.identity.same_file(file.identity)
            kept = keep_model(models, folder, stamp, file) if sent else None
        finally:
            file.close()
        if kept is None:
            self._log.warning("model_not_kept", run=receipt.run, reason="it was written to after its upload")
        prune_models(models, folder, keep)

    # -- how an attempt ends otherwise

    async def _reject(self, this: _Try, rejected: Rejected) -> Outcome:
        """Quarantine, unless the manifest is so young that its producer may still be at work."""
        since = self._pending.unchanged_since(this.run)
        waited = self._monotonic() - since if since is not None else 0.0
        if waited < self._options.settle:
            return Later(self._options.settle - waited)
        if rejected.code in MAY_PASS and this.number < TRIES_IF_IT_MAY_PASS:
            return await self._later(this, rejected.reason)
        files = rejected.files if isinstance(rejected, BadManifest) else self._pending.files_of(this.run)
        failure = await in_thread(self._failure, this, rejected, files)
        async with self._quarantining:  # one at a time: they take names in the same folder
            named_by_others = await self._pending.named_by_others(this.spool, this.run, tuple(files))
            self._interrupted[this.run] = failure  # until it is done: an `OSError` in the middle leaves it there
            folder = await in_thread(quarantine, this.spool, failure, named_by_others)
            self._pending.let_go(this.run, failure.receipt.manifest)
        return await self._failed(failure, folder)

    async def _finish_interrupted(self, this: _Try) -> Outcome | None:
        """Before the run is looked at again, and by itself alone: the trouble may be with this one's files.

        None when it was broken off before anything was promised.
        """
        async with self._quarantining:
            finished = await in_thread(finish_interrupted, this.spool, this.run)
            if finished:
                self._pending.let_go(this.run, self._interrupted[this.run].receipt.manifest)
        if not finished:
            del self._interrupted[this.run]
            return None
        return await self._failed(self._interrupted[this.run], next(iter(finished)))

    async def _failed(self, failure: Failure, folder: str) -> Outcome:
        del self._interrupted[failure.run]
        self._activity.settled(failure.receipt)
        self._log.error(
            "run_failed", run=failure.run, code=failure.code, reason=failure.reason, folder=f"failed/{folder}"
        )
        await in_thread(self._ledger.settled, failure.run)
        self._defects.pop(failure.run, None)
        return Settled(store_used=False)

    def _failure(self, this: _Try, rejected: Rejected, files: tuple[str, ...]) -> Failure:
        now = rfc3339(self._now())
        pending = pending_manifest(this.spool, this.run)
        manifest = this.manifest or (pending.manifest if pending else None)
        receipt = Receipt(
            run=this.run,
            status=FAILED,
            manifest_sha256=pending.sha256 if pending else None,
            manifest=pending.identity if pending else None,
            settled_at=now,
            symbol=manifest.symbol.text if manifest else None,
            trained_at=rfc3339(manifest.trained_at) if manifest else None,
            results=results_of([artifact.kind for artifact in manifest.artifacts], ok=False) if manifest else {},
            attempts=this.number,
            queued_at=this.attempt.queued_at if this.attempt else now,
            started_at=this.attempt.started_at if this.attempt else None,
            inspection=this.inspection,
            code=rejected.code,
            reason=rejected.reason,
        )
        return Failure(this.run, rejected.code, rejected.reason, now, rejected.artifact, files, receipt)

    async def _later(
        self, this: _Try, why: str, wish: float | None = None, *, action: str = "", store_used: bool = False
    ) -> Outcome:
        """Wait as long as the waits so far suggest, and no shorter than the store wished.

        Attempts that a kill ended are none of them: they say nothing of how the next one will go.
        """
        wait = self._waits.setdefault(this.run, RunWait())
        repeats = wait.happened(why, self._monotonic())
        seconds = max(self._options.run_delay(wait.times), wish or 0.0)
        if repeats is not None:
            self._log.warning(
                "run_waits",
                run=this.run,
                reason=why,
                action=action or "none: it is tried again by itself",
                retry_in_seconds=round(seconds, 1),
                attempts=this.number,
                waiting_seconds=round(repeats.seconds),
            )
        with suppress(sqlite3.Error):  # a note for people; the wait itself is in the queue
            due = rfc3339(self._now() + timedelta(seconds=seconds))
            await in_thread(self._ledger.waits, this.run, why, due)
        return Later(seconds, store_used)


def _action_for(error: Exception) -> str:
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    else:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    if full:
        return "free some space on this host (huracan-spool doctor shows where); it goes on by itself"
    return ""
