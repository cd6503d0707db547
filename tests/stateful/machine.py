"""Producers, daemons, faults, operators and the clock as rules; the contract's promises as what always holds."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from at_rest import halves, of_hosts, unrest
from doorbell import doorbells
from drawing import DONE, KINDS, SPOILINGS, act, among, drafts, hosts, seldom
from expected_tree import RECORD, ROOT, content_hash_of
from flaws import FLAWS, spoiled, unreadable
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition
from producers import Producers
from promises import Watch, hosts_of, trees
from submissions import LARGE, MOMENTS, SYMBOLS, Draft, Submission, submission
from world import HOSTS, Variant, World

from huracan_spool.spool.failed import FailedRun, discard, failed_runs, retry
from support.logbook import logs_apart
from support.spoilings import Spoiling

# Longer than anything waits: a run's longest wait is a quarter of an hour, and so is that of a pause.
PATIENCE = 3600.0
# Where what is kept for a while costs least: what a disk does is not the subject here.
FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
DAY = 86400.0
RECEIPTS_AGE = 8 * DAY


def _to_dropbox(machine: Machine) -> bool:
    return not machine.world.variant.archive


def _up(machine: Machine) -> list[int]:
    return [host for host in range(HOSTS) if machine.world.is_up(host)]


def _down(machine: Machine) -> list[int]:
    return [host for host in range(HOSTS) if not machine.world.is_up(host)]


class Machine(RuleBasedStateMachine):
    published = Bundle("published")

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.disturbed: set[tuple[str, datetime]] = set()
        self.began = self.revoked = False

    @initialize(far=st.booleans(), archive=seldom, inspecting=seldom)
    def begin(self, far: bool, archive: bool, inspecting: bool) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(dir=FOLDER)))
        self._stack.enter_context(logs_apart())
        self._stack.enter_context(doorbells())
        variant = Variant(archive=archive, inspecting=inspecting, far=far)
        self.world = self._stack.enter_context(World(folder, variant))
        self.producers = Producers(self.world)
        self.submissions = self.producers.submissions
        self.watch = Watch(self.world, self.submissions)
        self.began = True

    # -- producers

    @act(target=published, host=hosts, draft=drafts, told=st.booleans())
    def publish(self, host: int, draft: Draft, told: bool) -> Submission:
        return self.producers.publish(host, draft, told=told)

    @act(target=published, of=published, draft=drafts, told=st.booleans())
    def publish_under_the_name(self, of: Submission, draft: Draft, told: bool) -> Submission:
        return self.producers.publish(of.host, draft, of.name, told=told)

    @act(of=published, told=st.booleans())
    def publish_the_same_again(self, of: Submission, told: bool) -> None:
        if not of.borrowed:
            of.given_up = False
            self.producers.hand_over(of, told=told)

    @act(target=published, of=published, host=hosts, told=st.booleans())
    def publish_the_same_under_another_name(self, of: Submission, host: int, told: bool) -> Submission:
        return self.producers.publish_twin(of, host, told=told)

    @act(target=published, of=published, draft=drafts, kind=st.sampled_from(KINDS))
    def publish_with_a_file_of_another(self, of: Submission, draft: Draft, kind: str) -> Submission:
        return self.producers.publish_borrower(of, draft, kind)

    @act(target=published, host=hosts, symbol=st.sampled_from(SYMBOLS), moment=st.sampled_from(MOMENTS))
    def publish_a_large_one(self, host: int, symbol: str, moment: datetime) -> Submission:
        return self.producers.publish(host, Draft(symbol, moment, {"model": LARGE, "metrics": 0}), told=True)

    @act(host=hosts, flaw=st.sampled_from(sorted(FLAWS)))
    def publish_a_bad_one(self, host: int, flaw: str) -> None:
        bad = spoiled(host, self.producers.fresh_name(), flaw, self.world.spool(host))
        self.submissions.append(bad)

    @precondition(lambda self: self.world.variant.inspecting)
    @act(host=hosts, draft=drafts)
    def publish_an_unreadable_one(self, host: int, draft: Draft) -> None:
        name = self.producers.fresh_name()
        self.producers.hand_over(unreadable(host, draft, name, len(self.submissions)), told=True)

    @act(of=published, files_too=st.booleans())
    def withdraw(self, of: Submission, files_too: bool) -> None:
        self.producers.withdraw(of, files_too=files_too)

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
        for host in among(_up(self), number):
            self.world.kill(host)

    @act(number=hosts, steps=st.integers(0, 60), seconds=st.sampled_from([0.0, 1.0, 40.0]))
    def kill_after_some_steps_on_the_disk(self, number: int, steps: int, seconds: float) -> None:
        for host in among(_up(self), number):
            self.world.stations[host].kill_after(steps)
        self.world.passes(seconds)

    @act(number=hosts)
    def stop(self, number: int) -> None:
        for host in among(_up(self), number):
            self.world.stop(host)

    @act(number=hosts, ledger_lost=seldom)
    def start(self, number: int, ledger_lost: bool) -> None:
        for host in among(_down(self), number):
            if ledger_lost:
                self.world.lose_ledger(host)
            self.world.start(host)

    @act(number=hosts)
    def rescan(self, number: int) -> None:
        for host in among(_up(self), number):
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

    @precondition(lambda self: bool(list(self.world.emulator.faults)))
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
        for host, failed in among(self.failed(), number):
            of = self.watch.failed_as(host, failed.folder)
            try:
                retry(self.world.spool(host), failed)
            except FileExistsError:  # the name is in use; some of its files may be back
                if of is not None:
                    of.moved = frozenset()

    @act(number=st.integers(0, 9))
    def discard_a_failed_run(self, number: int) -> None:
        for host, failed in among(self.failed(), number):
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
                self.producers.close(here[0], symbol, trained_at)
        self._finish_everything()
        self._expect(list(unrest(self.world, self.watch, self.submissions)))

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
