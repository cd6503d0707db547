"""Producers, daemons, faults, operators and the clock as rules; the contract's promises as what always holds."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from at_rest import halves, of_hosts, unrest
from doorbell import doorbells
from expected_tree import RECORD, ROOT, content_hash_of
from flaws import FLAWS, spoiled, unreadable
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from promises import Watch, hosts_of, trees
from submissions import LARGE, MANIFEST, MOMENTS, SAMPLES, SYMBOLS, Draft, Submission, borrowing, submission
from world import HOSTS, Variant, World, remove

from huracan_spool.spool.failed import FailedRun, discard, failed_runs, retry
from support.logbook import logs_apart
from support.spoilings import TOKEN, Spoiling, spoilings

T = TypeVar("T")

# Longer than anything waits: a run's longest wait is a quarter of an hour, and so is that of a pause.
PATIENCE = 3600.0
KINDS = ("model", "metrics", "features", "trades", "candles")
ROUTES = (
    TOKEN,
    "files/upload_session/start_batch",
    "files/upload_session/append_batch",
    "files/upload_session/append_v2",
    "files/upload_session/finish_batch_v2",
    "files/list_folder",
    "files/get_metadata",
    "files/download",
    "files/move_batch_v2",
    "files/move_batch/check_v2",
    "files/copy_batch_v2",
    "files/copy_batch/check_v2",
)
SPOILINGS = tuple((route, spoiling) for route in ROUTES for spoiling in spoilings(route))
# Where what is kept for a while costs least: what a disk does is not the subject here.
FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
DAY = 86400.0
RECEIPTS_AGE = 8 * DAY

# What was done in all examples of this process, by rule.
DONE: Counter[str] = Counter()

hosts = st.integers(0, HOSTS - 1)
seldom = st.sampled_from([False] * 4 + [True])
drafts = st.builds(
    Draft,
    st.sampled_from(SYMBOLS),
    st.sampled_from(MOMENTS),
    st.dictionaries(st.sampled_from(KINDS), st.integers(0, SAMPLES - 1), min_size=1),
)


def act(**strategies: Any) -> Callable[[Callable[..., Any]], Any]:
    """A rule that is counted."""

    def decorate(method: Callable[..., Any]) -> Any:
        @wraps(method)
        def counted(self: Machine, **arguments: Any) -> Any:
            DONE[method.__name__] += 1
            return method(self, **arguments)

        return rule(**strategies)(counted)

    return decorate


def _to_dropbox(machine: Machine) -> bool:
    return not machine.world.variant.archive


def _up(machine: Machine) -> list[int]:
    return [host for host in range(HOSTS) if machine.world.is_up(host)]


def _down(machine: Machine) -> list[int]:
    return [host for host in range(HOSTS) if not machine.world.is_up(host)]


def _among(those: Sequence[T], number: int) -> list[T]:
    """One of them, if there are any. What there is may depend on threads, so no precondition does."""
    return [those[number % len(those)]] if those else []


class Machine(RuleBasedStateMachine):
    published = Bundle("published")

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.submissions: list[Submission] = []
        self.disturbed: set[tuple[str, datetime]] = set()
        self.began = self.revoked = False

    @initialize(far=st.booleans(), archive=seldom, inspecting=seldom)
    def begin(self, far: bool, archive: bool, inspecting: bool) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(dir=FOLDER)))
        self._stack.enter_context(logs_apart())
        self._stack.enter_context(doorbells())
        variant = Variant(archive=archive, inspecting=inspecting, far=far)
        self.world = self._stack.enter_context(World(folder, variant))
        self.watch = Watch(self.world, self.submissions)
        self.began = True

    # -- producers

    @act(target=published, host=hosts, draft=drafts, told=st.booleans())
    def publish(self, host: int, draft: Draft, told: bool) -> Submission:
        return self._publish(host, draft, self._fresh_name(), told)

    @act(target=published, of=published, draft=drafts, told=st.booleans())
    def publish_under_the_name(self, of: Submission, draft: Draft, told: bool) -> Submission:
        return self._publish(of.host, draft, of.name, told)

    @act(of=published, told=st.booleans())
    def publish_the_same_again(self, of: Submission, told: bool) -> None:
        if not of.borrowed:
            of.given_up = False
            self._hand_over(of, told)

    @act(target=published, of=published, host=hosts, told=st.booleans())
    def publish_the_same_under_another_name(self, of: Submission, host: int, told: bool) -> Submission:
        new = submission(host, of.run.renamed(self._fresh_name()), len(self.submissions))
        return self._hand_over(new, told)

    @act(target=published, of=published, draft=drafts, kind=st.sampled_from(KINDS))
    def publish_with_a_file_of_another(self, of: Submission, draft: Draft, kind: str) -> Submission:
        """The lender's file itself, as long as it is there; else a run like any other.

        The daemon is told of both: it can't know what a manifest names that it has not seen.
        """
        name = self._fresh_name()
        if kind in of.run.contents and self._waits(of) and not of.borrowed:
            new = borrowing(of, draft.run(name), kind, len(self.submissions))
            self._hand_over(new, told=False)
            self.world.rings(of, new)
            return new
        return self._publish(of.host, draft, name, told=True)

    @act(target=published, host=hosts, symbol=st.sampled_from(SYMBOLS), moment=st.sampled_from(MOMENTS))
    def publish_a_large_one(self, host: int, symbol: str, moment: datetime) -> Submission:
        return self._publish(
            host, Draft(symbol, moment, {"model": LARGE, "metrics": 0}), self._fresh_name(), told=True
        )

    @act(host=hosts, flaw=st.sampled_from(sorted(FLAWS)))
    def publish_a_bad_one(self, host: int, flaw: str) -> None:
        self.submissions.append(spoiled(host, self._fresh_name(), flaw, self.world.spool(host)))

    @precondition(lambda self: self.world.variant.inspecting)
    @act(host=hosts, draft=drafts)
    def publish_an_unreadable_one(self, host: int, draft: Draft) -> None:
        self._hand_over(unreadable(host, draft, self._fresh_name(), len(self.submissions)), told=True)

    @act(of=published, files_too=st.booleans())
    def withdraw(self, of: Submission, files_too: bool) -> None:
        if not self._waits(of):
            return
        of.given_up = True
        lent = {name for other in self.submissions for name in other.borrowed}
        remove(self.world.spool(of.host), [of.name + MANIFEST])
        if files_too:
            remove(self.world.spool(of.host), of.files.keys() - lent)

    @act(host=hosts)
    def leave_a_file_that_no_manifest_names(self, host: int) -> None:
        path = self.world.spool(host) / f"stranger{len(self.watch.orphans)}.bin"
        path.write_bytes(path.name.encode())
        self.watch.orphans.append((path, path.name.encode()))

    # -- daemons and the clock

    @act()
    def a_blink_passes(self) -> None:
        """First in the order of rules, so the one that is taken most often."""
        self.world.passes(0.07)

    @act(seconds=st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.5, 1.0]))
    def a_moment_passes(self, seconds: float) -> None:
        self.world.passes(seconds)

    @act(seconds=st.sampled_from([5.0, 40.0, 40.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.passes(seconds)

    @act(host=hosts, days=st.sampled_from([-400, -1, 1, 400]))
    def the_clock_jumps(self, host: int, days: int) -> None:
        self.world.stations[host].wall_offset += days * DAY

    @act(number=hosts)
    def kill(self, number: int) -> None:
        for host in _among(_up(self), number):
            self.world.kill(host)

    @act(number=hosts, steps=st.integers(0, 60), seconds=st.sampled_from([0.0, 1.0, 40.0]))
    def kill_after_some_steps_on_the_disk(self, number: int, steps: int, seconds: float) -> None:
        for host in _among(_up(self), number):
            self.world.stations[host].kill_after(steps)
        self.world.passes(seconds)

    @act(number=hosts)
    def stop(self, number: int) -> None:
        for host in _among(_up(self), number):
            self.world.stop(host)

    @act(number=hosts, ledger_lost=seldom)
    def start(self, number: int, ledger_lost: bool) -> None:
        for host in _among(_down(self), number):
            if ledger_lost:
                self.world.lose_ledger(host)
            self.world.start(host)

    @act(number=hosts)
    def rescan(self, number: int) -> None:
        for host in _among(_up(self), number):
            self.world.rescan(host)

    @act(host=hosts)
    def receipts_grow_old(self, host: int) -> None:
        self.world.age_receipts(host, RECEIPTS_AGE)

    # -- the account

    @precondition(_to_dropbox)
    @act(
        spoiled_call=st.sampled_from(SPOILINGS),
        call=st.sampled_from([1, 1, 1, 2, 3]),
        times=st.sampled_from([1, 1, 2, 6, None]),
    )
    def a_call_is_spoiled(self, spoiled_call: tuple[str, Spoiling], call: int, times: int | None) -> None:
        route, spoiling = spoiled_call
        self.watch.may_refuse |= spoiling.may_refuse
        self.watch.batches_may_break |= spoiling.fields["kind"] == "entries"
        self.world.emulator.faults.add(spoiling.fault(route, call, times))

    @precondition(lambda self: list(self.world.emulator.faults))
    @act()
    def nothing_is_spoiled(self) -> None:
        self.world.clear_faults()

    @precondition(_to_dropbox)
    @act(revoked=seldom)
    def tokens_expire(self, revoked: bool) -> None:
        self.world.emulator.expire_tokens()
        if revoked:
            self.revoked = True
            self.world.emulator.revoke_refresh_token()

    @precondition(lambda self: self.revoked)
    @act()
    def somebody_logs_in(self) -> None:
        self.revoked = False
        self.world.emulator.restore_refresh_token()

    @precondition(_to_dropbox)
    @act(draft=drafts, place=st.sampled_from([RECORD, "metrics/training_metrics.json", "shared"]))
    def somebody_puts_a_file_there(self, draft: Draft, place: str) -> None:
        facts = submission(0, draft.run("any"), 0).facts
        path = facts.shared(plain=True) if place == "shared" else f"{ROOT}/{facts.day}/{place}"
        if path not in self.world.emulator.tree():
            data = f"stranger {len(self.watch.strangers)}".encode()
            self.world.emulator.put(path, data)
            self.watch.strangers.append((path, content_hash_of(data)))
            self.disturbed.add((draft.symbol, draft.trained_at))

    # -- operators

    @act(number=st.integers(0, 9))
    def retry_a_failed_run(self, number: int) -> None:
        for host, failed in _among(self.failed(), number):
            of = self.watch.failed_as(host, failed.folder)
            try:
                retry(self.world.spool(host), failed)
            except FileExistsError:  # the name is in use; some of its files may be back
                if of is not None:
                    of.moved = frozenset()

    @act(number=st.integers(0, 9))
    def discard_a_failed_run(self, number: int) -> None:
        for host, failed in _among(self.failed(), number):
            of = self.watch.failed_as(host, failed.folder)
            discard(self.world.spool(host), failed)
            if of is not None:
                of.given_up = True

    def failed(self) -> list[tuple[int, FailedRun]]:
        return [(host, each) for host in range(HOSTS) for each in failed_runs(self.world.spool(host))]

    # -- what holds

    @act()
    def settle(self) -> None:
        self._finish_everything()
        for number in range(len(trees(self.world))):
            here = hosts_of(self.world, number)
            given_up = {(half.symbol, half.trained_at) for half in halves(of_hosts(self.submissions, here))}
            for symbol, trained_at in sorted(given_up | self.disturbed):
                self._close(here[0], symbol, trained_at)
        self._finish_everything()
        self._expect(list(unrest(self.world, self.watch, self.submissions)))

    def _close(self, host: int, symbol: str, trained_at: datetime) -> None:
        """One more run, so that somebody has to do with the folder, and leaves it in order."""
        moment = trained_at.replace(hour=0, minute=0, second=0) + timedelta(seconds=1)
        self._publish(host, Draft(symbol, moment, {"metrics": 0}), self._fresh_name(), told=True)

    def _finish_everything(self) -> None:
        pending = self.world.settle(PATIENCE)
        self._expect([f"still pending: {name}, {said}" for name, said in pending.items()])
        self._expect(self.watch.look())

    @invariant()
    def what_is_promised_holds(self) -> None:
        DONE["steps"] += 1
        self._expect(self.watch.look())

    def _expect(self, broken: list[str]) -> None:
        assert not broken, "\n".join(broken)

    def teardown(self) -> None:
        with self._stack:
            if self.began and sys.exc_info()[0] is None:  # else something is broken already
                self.settle()
                DONE["examples"] += 1
                DONE.update(f"(runs) {each.outcome}" for each in self.submissions)
                DONE["(daemons) lives"] += sum(station.lives for station in self.world.stations)
                DONE["(daemons) killed in a step"] += sum(station.cut_short for station in self.world.stations)
                DONE["(calls) made"] += len(self.world.emulator.calls)

    # -- bookkeeping of the producers

    def _publish(self, host: int, draft: Draft, name: str, told: bool) -> Submission:
        return self._hand_over(submission(host, draft.run(name), len(self.submissions)), told)

    def _hand_over(self, new: Submission, told: bool) -> Submission:
        """Who replaces a file of a run that waits takes that run back, or breaks its promise to it."""
        for other in self.submissions:
            if other is not new and other.host == new.host and self._would_lose(other, new):
                other.given_up = True
        self.world.hand_over(new, told=told)
        if new not in self.submissions:
            self.submissions.append(new)
        return new

    def _would_lose(self, other: Submission, new: Submission) -> bool:
        spool = self.world.spool(new.host)
        for name in new.all_files:
            if name in other.borrowed:
                return True
            there = (spool / name).read_bytes() if (spool / name).is_file() else None
            if there is not None and other.all_files.get(name) == there:
                return True
        return False

    def _waits(self, of: Submission) -> bool:
        """Whether it is pending, with all its files, and its manifest is its own."""
        spool = self.world.spool(of.host)
        with suppress(FileNotFoundError):
            return all((spool / name).read_bytes() == data for name, data in of.all_files.items())
        return False

    def _fresh_name(self) -> str:
        return f"run{len(self.submissions)}"
