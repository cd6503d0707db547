"""Who goes first, against a model that keeps plain sets and looks through all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from huracan_spool.due_queue import DueQueue

RUNS = st.sampled_from([f"run-{number}" for number in range(8)])
LANES = st.sampled_from(["SOL", "BTC", "ETH"])
TIMES = st.integers(0, 20).map(float)


@pytest.fixture
def queue() -> DueQueue:
    return DueQueue()


def under_way_in(queue: DueQueue, lane: str, *runs: str) -> list[bool]:
    for run in runs:
        queue.add(run, 0.0)
        assert queue.take(0.0) == run
    return [entered(queue, run, lane) for run in runs]


def entered(queue: DueQueue, run: str, lane: str, now: float = 0.0) -> bool:
    """Whether it was let in; else it is parked, as who is told so must do."""
    let_in = queue.enter(run, lane)
    if not let_in:
        queue.park(run, now)
    return let_in


def taken(queue: DueQueue, now: float) -> Iterator[str]:
    while (run := queue.take(now)) is not None:
        yield run


def test_the_earliest_goes_first_and_nobody_before_their_time(queue):
    for run, due in (("late", 9.0), ("early", 1.0), ("middle", 5.0)):
        queue.add(run, due)

    assert list(taken(queue, 0.5)) == []
    assert list(taken(queue, 5.0)) == ["early", "middle"]
    assert queue.next_due() == 9.0


def test_runs_due_at_the_same_time_go_in_the_order_they_came(queue):
    for run in ("c", "a", "b"):
        queue.add(run, 1.0)

    assert list(taken(queue, 1.0)) == ["c", "a", "b"]


def test_a_second_wish_can_only_make_it_earlier(queue):
    queue.add("run", 5.0)
    queue.add("run", 9.0)
    queue.add("run", 2.0)

    assert queue.next_due() == 2.0
    assert list(taken(queue, 10.0)) == ["run"]
    assert len(queue) == 0


def test_a_run_that_is_touched_while_under_way_comes_again(queue):
    under_way_in(queue, "SOL", "run")
    queue.add("run", 3.0)
    assert queue.take(10.0) is None

    queue.done("run", 10.0)

    assert queue.take(10.0) == "run"


def test_what_is_under_way_comes_again_at_the_earlier_of_both_wishes(queue):
    under_way_in(queue, "SOL", "run")
    queue.add("run", 30.0)

    queue.done("run", 10.0, again_at=20.0)

    assert queue.next_due() == 20.0


def test_a_lane_holds_one_run_and_the_parked_follow_in_order(queue):
    assert under_way_in(queue, "SOL", "a", "b", "c") == [True, False, False]
    assert queue.take(0.0) is None

    queue.done("a", 1.0)
    assert list(taken(queue, 1.0)) == ["b"]
    assert queue.enter("b", "SOL")
    queue.done("b", 2.0)

    assert list(taken(queue, 2.0)) == ["c"]


def test_a_touch_before_the_run_was_parked_does_not_cut_its_next_wait_short(queue):
    under_way_in(queue, "SOL", "a")
    queue.add("b", 0.0)
    queue.take(0.0)
    queue.add("b", 0.0)
    entered(queue, "b", "SOL")
    queue.done("a", 1.0)
    assert queue.take(1.0) == "b"
    queue.enter("b", "SOL")

    queue.done("b", 2.0, again_at=900.0)

    assert queue.next_due() == 900.0


@pytest.mark.parametrize("left_by", ["first", "second"])
def test_a_run_whose_lane_is_taken_is_under_way_until_it_is_parked(queue, left_by):
    """Its attempt has not ended yet: a second one at the same time would be two."""
    under_way_in(queue, "SOL", "first")
    queue.add("second", 0.0)
    queue.take(0.0)
    assert not queue.enter("second", "SOL")
    if left_by == "first":
        queue.done("first", 1.0)
        assert queue.take(1.0) is None

        queue.park("second", 2.0)

        assert queue.take(2.0) == "second"
    else:  # its end was another one
        queue.done("second", 1.0, again_at=5.0)
        queue.done("first", 2.0)

        assert queue.next_due() == 5.0


@pytest.mark.parametrize("again_at", [None, 50.0])
def test_a_called_run_that_never_enters_its_lane_does_not_strand_the_next(queue, again_at):
    """Its artifact vanished meanwhile, or its manifest: it ends before it has read its lane."""
    under_way_in(queue, "SOL", "a", "b", "c")
    queue.done("a", 1.0)
    assert queue.take(1.0) == "b"

    queue.done("b", 2.0, again_at=again_at)

    assert queue.take(2.0) == "c"


def test_a_called_run_that_is_withdrawn_does_not_strand_the_next(queue):
    under_way_in(queue, "SOL", "a", "b", "c")
    queue.done("a", 1.0)

    queue.discard("b")

    assert list(taken(queue, 1.0)) == ["c"]


def test_a_called_run_that_turns_to_another_lane_does_not_strand_the_next(queue):
    under_way_in(queue, "SOL", "a", "b", "c")
    under_way_in(queue, "BTC", "x")
    queue.done("a", 1.0)
    assert queue.take(1.0) == "b"

    assert not entered(queue, "b", "BTC")

    assert queue.take(1.0) == "c"


def test_a_parked_run_can_be_withdrawn(queue):
    under_way_in(queue, "SOL", "a", "b", "c")

    queue.discard("b")
    queue.done("a", 1.0)

    assert list(taken(queue, 1.0)) == ["c"]
    assert len(queue) == 0


class QueueAndModel(RuleBasedStateMachine):
    """`due`, `parked` and `under_way` are what should be; a parked run waits without a time of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = DueQueue()
        self.now = 0.0
        self.due: dict[str, float] = {}
        self.parked: dict[str, str] = {}
        self.under_way: dict[str, str | None] = {}
        self.again: dict[str, float] = {}
        self.refused: dict[str, str] = {}

    @rule(run=RUNS, due=TIMES)
    def add(self, run, due):
        self.queue.add(run, due)
        if run in self.under_way:
            self.again[run] = min(due, self.again.get(run, due))
        elif run not in self.parked:
            self.due[run] = min(due, self.due.get(run, due))

    @rule(seconds=TIMES)
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def all_due(self):
        self.queue.all_due(self.now)
        self.due = dict.fromkeys(self.due, self.now)

    @initialize()
    def some_wait_already(self):
        for run in ("run-0", "run-1", "run-2", "run-3"):
            self.add(run, 0.0)

    @rule(lanes=st.lists(st.none() | LANES, min_size=1, max_size=4))
    def take_up(self, lanes):
        """One run after the other; for None it has not come as far as its lane."""
        for lane in lanes:
            run = self.take()
            if run is not None and lane is not None:
                self.enter(run, lane)

    def take(self) -> str | None:
        run = self.queue.take(self.now)
        if run is None:
            assert all(due > self.now for due in self.due.values())
            return None
        assert self.due[run] == min(self.due.values()) <= self.now
        del self.due[run]
        self.under_way[run] = None
        return run

    def enter(self, run: str, lane: str) -> None:
        free = lane not in self.under_way.values()
        assert self.queue.enter(run, lane) is free
        if free:
            self.under_way[run] = lane
        else:
            self.refused[run] = lane
        self.unpark_called()

    @precondition(lambda self: self.refused)
    @rule(data=st.data())
    def park(self, data):
        run = data.draw(st.sampled_from(list(self.refused)))
        lane = self.refused.pop(run)
        del self.under_way[run]
        self.again.pop(run, None)
        self.queue.park(run, self.now)
        if lane in self.under_way.values():
            self.parked[run] = lane
        else:
            self.due[run] = self.now

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), wait=st.none() | TIMES)
    def done(self, data, wait):
        run = data.draw(st.sampled_from(list(self.under_way)))
        again_at = None if wait is None else self.now + wait
        del self.under_way[run]
        self.refused.pop(run, None)
        wishes = [due for due in (again_at, self.again.pop(run, None)) if due is not None]
        if wishes:
            self.due[run] = min(wishes)
        self.queue.done(run, self.now, again_at)

    @rule(run=RUNS)
    def discard(self, run):
        self.queue.discard(run)
        for waiting in (self.due, self.again, self.parked):
            waiting.pop(run, None)

    def unpark_called(self):
        """Which of the parked is called is the queue's choice; that it comes is checked below."""
        for run in list(self.parked):
            if run in self.queue._due:
                del self.parked[run]
                self.due[run] = self.queue._due[run]

    @invariant()
    def nothing_is_lost(self):
        self.unpark_called()
        assert len(self.queue) == len(self.due) + len(self.parked)
        assert self.queue.under_way == self.under_way.keys()
        assert self.queue.next_due() == min(self.due.values(), default=None)

    @invariant()
    def a_lane_holds_one_run(self):
        lanes = [lane for lane in self.under_way.values() if lane is not None]
        assert len(lanes) == len(set(lanes))

    def teardown(self):
        """Whatever happened: when every run that is taken just ends, all that waits is taken in the end."""
        for run in list(self.under_way):
            self.queue.done(run, self.now)
        waiting = (self.due.keys() | self.parked.keys() | self.again.keys()) - {None}
        came = set()
        while (run := self.queue.take(1e9)) is not None:
            came.add(run)
            self.queue.done(run, self.now)
        assert waiting <= came
        assert len(self.queue) == 0


TestQueueAndModel = QueueAndModel.TestCase
TestQueueAndModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
