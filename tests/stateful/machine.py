"""Producers, daemons, faults, operators and the clock as rules; the contract's promises as what always holds."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from at_rest import of_hosts, unrest
from at_rest import halves as halves_in
from doorbell import doorbells
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from promises import Watch, hosts_of, trees
from submissions import MOMENTS, SAMPLES, SYMBOLS, Draft, Submission, submission
from world import HOSTS, MANIFEST, Variant, World, remove

from support.logbook import logs_apart

PATIENCE = 4 * 3600.0
KINDS = ("model", "metrics", "features", "trades", "candles")
COUNTS: Counter[str] = Counter()

hosts = st.integers(0, HOSTS - 1)
drafts = st.builds(
    Draft,
    st.sampled_from(SYMBOLS),
    st.sampled_from(MOMENTS),
    st.dictionaries(st.sampled_from(KINDS), st.integers(0, SAMPLES - 1), min_size=1),
)


class Machine(RuleBasedStateMachine):
    published = Bundle("published")

    @initialize(far=st.booleans(), archive=st.sampled_from([False] * 4 + [True]))
    def begin(self, far: bool, archive: bool) -> None:
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(dir=FOLDER))
        self._stack.enter_context(logs_apart())
        self._stack.enter_context(doorbells())
        self.world = self._stack.enter_context(World(Path(folder), Variant(archive=archive, far=far)))
        self.submissions: list[Submission] = []
        self.watch = Watch(self.world, self.submissions)

    # -- producers

    @rule(target=published, host=hosts, draft=drafts, told=st.booleans())
    def publish(self, host: int, draft: Draft, told: bool) -> Submission:
        return self._publish(host, draft, self._fresh_name(), told)

    @rule(target=published, of=published, draft=drafts, told=st.booleans())
    def publish_other_files_under_the_name(self, of: Submission, draft: Draft, told: bool) -> Submission:
        return self._publish(of.host, draft, of.name, told)

    @rule(of=published, told=st.booleans())
    def publish_the_same_again(self, of: Submission, told: bool) -> None:
        of.given_up = False
        self._hand_over(of, told)

    @rule(of=published)
    def withdraw(self, of: Submission) -> None:
        manifest = self.world.spool(of.host) / (of.name + MANIFEST)
        if manifest.exists() and manifest.read_bytes() == of.manifest:
            remove(self.world.spool(of.host), [manifest.name])
            of.given_up = True

    def _publish(self, host: int, draft: Draft, name: str, told: bool) -> Submission:
        new = submission(host, draft.run(name), len(self.submissions))
        self._hand_over(new, told)
        self.submissions.append(new)
        return new

    def _hand_over(self, new: Submission, told: bool) -> None:
        """Who replaces a file of a run that waits has taken that run back."""
        spool = self.world.spool(new.host)
        for name in (*new.files, new.name + MANIFEST):
            for other in self.submissions:
                there = {**other.files, other.name + MANIFEST: other.manifest}
                if other is not new and other.host == new.host and name in there and (spool / name).is_file():
                    if (spool / name).read_bytes() == there[name]:
                        other.given_up = True
        self.world.hand_over(new, told=told)

    def _fresh_name(self) -> str:
        return f"run{len(self.submissions)}"

    # -- daemons and the clock

    @rule(seconds=st.sampled_from([0.02, 0.1, 0.3, 1.0, 5.0, 40.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.passes(seconds)

    @rule(host=hosts)
    def kill(self, host: int) -> None:
        self.world.kill(host)

    @rule(host=hosts)
    def stop(self, host: int) -> None:
        self.world.stop(host)

    @rule(host=hosts)
    def start(self, host: int) -> None:
        if not self.world.is_up(host):
            self.world.start(host)

    @rule(host=hosts)
    def rescan(self, host: int) -> None:
        self.world.rescan(host)

    # -- what holds

    @rule()
    def settle(self) -> None:
        pending = self.world.settle(PATIENCE)
        assert not pending, pending
        self._expect(self.watch.look())
        self._close_days_of_halves()
        self._expect(list(unrest(self.world, self.watch, self.submissions)))

    def _close_days_of_halves(self) -> None:
        """Another run, where one was given up: only who has something to do in a folder brings it in order."""
        for number, tree in enumerate(trees(self.world)):
            host = hosts_of(self.world, number)[0]
            for half in halves_in(tree, of_hosts(self.submissions, hosts_of(self.world, number))):
                moment = half.trained_at.replace(hour=0, minute=0, second=1)
                self._publish(host, Draft(half.symbol, moment, {"metrics": 0}), self._fresh_name(), told=True)
        assert not (pending := self.world.settle(PATIENCE)), pending
        self._expect(self.watch.look())

    @invariant()
    def everything_promised_holds(self) -> None:
        COUNTS["steps"] += 1
        self._expect(self.watch.look())

    def _expect(self, broken: list[str]) -> None:
        assert not broken, "\n".join(broken)

    def teardown(self) -> None:
        COUNTS["examples"] += 1
        if not hasattr(self, "_stack"):
            return
        try:
            if sys.exc_info()[0] is None:  # else it is broken already
                self.settle()
        finally:
            self._stack.close()


FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
