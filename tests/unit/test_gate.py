"""The account's pause: who may go when, and how long until the next look."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from huracan_spool.gate import FIRST_PAUSE, LONGEST_PAUSE, Gate, State


@pytest.fixture
def gate() -> Gate:
    return Gate()


def closed(gate: Gate, now: float = 0.0, *, needs_person: bool = False) -> Gate:
    gate.close(now, "no route", "check the cable", needs_person=needs_person)
    return gate


def trying(gate: Gate) -> Gate:
    closed(gate).probe_answered()
    return gate


def test_everybody_may_go_while_it_is_open(gate):
    gate.started("a")

    assert gate.admits("b")
    assert not gate.ended("a", store_used=False)
    assert gate.state is State.OPEN


@pytest.mark.parametrize(
    ("state", "event", "after", "answer"),
    [
        (State.OPEN, "close", State.CLOSED, True),
        (State.OPEN, "probe answered", State.OPEN, None),
        (State.OPEN, "ended well", State.OPEN, False),
        (State.OPEN, "ended without the store", State.OPEN, False),
        (State.CLOSED, "close", State.CLOSED, False),
        (State.CLOSED, "close for another reason", State.CLOSED, True),
        (State.CLOSED, "probe failed", State.CLOSED, False),
        (State.CLOSED, "probe answered", State.TRYING, None),
        (State.CLOSED, "ended well", State.CLOSED, False),
        (State.CLOSED, "ended without the store", State.CLOSED, False),
        (State.TRYING, "close", State.CLOSED, False),
        (State.TRYING, "close for another reason", State.CLOSED, True),
        (State.TRYING, "probe answered", State.TRYING, None),
        (State.TRYING, "ended well", State.OPEN, True),
        (State.TRYING, "ended without the store", State.TRYING, False),
    ],
)
def test_what_leads_where(gate, state, event, after, answer):
    """`answer` is whether it is news, or whether it opened the gate."""
    if state is State.CLOSED:
        closed(gate)
    elif state is State.TRYING:
        trying(gate)

    events = {
        "close": lambda: gate.close(9.0, "no route", "", needs_person=False),
        "close for another reason": lambda: gate.close(9.0, "no space", "", needs_person=True),
        "probe failed": lambda: gate.probe_failed(9.0, "no route", "", needs_person=False),
        "probe answered": gate.probe_answered,
        "ended well": lambda: gate.ended("a", store_used=True),
        "ended without the store": lambda: gate.ended("a", store_used=False),
    }

    assert events[event]() == answer
    assert gate.state is after


def test_nobody_may_go_while_it_is_closed(gate):
    assert not closed(gate).admits()


def test_one_run_goes_first_and_the_others_wait_for_its_end(gate):
    trying(gate)
    assert gate.admits("a")

    gate.started("a")

    assert not gate.admits("b")
    assert not gate.admits()
    assert not gate.ended("b", store_used=True)
    assert gate.ended("a", store_used=True)
    assert gate.admits("b")


def test_a_first_run_that_never_got_to_the_store_makes_room_for_another(gate):
    trying(gate).started("a")

    gate.ended("a", store_used=False)

    assert gate.state is State.TRYING
    assert gate.admits("b")


@pytest.mark.parametrize("needs_person", [False, True])
def test_pauses_double_up_to_the_longest(gate, needs_person):
    now, pauses = 0.0, []
    closed(gate, now, needs_person=needs_person)
    for _ in range(12):
        pauses.append(gate.probe_at - now)
        now = gate.probe_at
        gate.probe_failed(now, "no route", "", needs_person=needs_person)

    first, longest = FIRST_PAUSE[needs_person], LONGEST_PAUSE[needs_person]
    assert pauses == [min(longest, first * 2**number) for number in range(12)]
    assert gate.closed_since == 0.0


def test_the_runs_that_fail_together_count_once(gate):
    closed(gate, 10.0)
    gate.close(10.1, "no route", "", needs_person=False)
    gate.close(10.2, "no route", "", needs_person=False)

    assert gate.probe_at == 11.0


def test_an_answered_probe_does_not_shorten_the_pause_when_its_run_fails(gate):
    """The network answers, but every run is refused: it must not be tried every second."""
    now, pauses = 0.0, []
    closed(gate, now, needs_person=True)
    for _ in range(4):
        pauses.append(gate.probe_at - now)
        now = gate.probe_at
        gate.probe_answered()
        gate.started("a")
        gate.close(now, "no space", "", needs_person=True)

    assert pauses == [30.0, 60.0, 120.0, 240.0]


def test_a_new_pause_begins_with_the_first_step(gate):
    closed(gate)
    for now in (1.0, 3.0, 7.0):
        gate.probe_failed(now, "no route", "", needs_person=False)
    gate.probe_answered()
    gate.ended("a", store_used=True)

    closed(gate, 100.0)

    assert (gate.closed_since, gate.probe_at) == (100.0, 101.0)


def test_a_pause_that_no_longer_needs_a_person_is_as_short_as_others(gate):
    closed(gate, needs_person=True)
    for now in range(6):
        gate.probe_failed(float(now), "no space", "", needs_person=True)

    gate.probe_failed(10.0, "no route", "", needs_person=False)

    assert gate.probe_at == 10.0 + LONGEST_PAUSE[False]


def test_a_person_can_have_it_probed_now_but_not_later(gate):
    closed(gate, needs_person=True)

    gate.probe_now(5.0)
    assert gate.probe_at == 5.0
    gate.probe_now(90.0)
    assert gate.probe_at == 5.0


class GateAsTheServiceUsesIt(RuleBasedStateMachine):
    """Runs start only when admitted; each ends in one of the ways that an attempt can end."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()
        self.now = 0.0
        self.before: set[str] = set()  # under way since before the gate closed
        self.triers: set[str] = set()
        self.names = 0

    @rule(seconds=st.floats(0, 2000))
    def time_passes(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.gate.admits())
    @rule()
    def a_run_starts(self):
        self.names += 1
        run = f"run-{self.names}"
        (self.triers if self.gate.state is State.TRYING else self.before).add(run)
        self.gate.started(run)

    @precondition(lambda self: self.before or self.triers)
    @rule(data=st.data(), store_used=st.booleans())
    def a_run_ends(self, data, store_used):
        run = self.some_run(data)
        was_trier = run in self.triers
        self.over(run)
        state = self.gate.state
        opened = self.gate.ended(run, store_used=store_used)
        assert opened is (state is State.TRYING and self.gate.state is State.OPEN)
        assert not opened or store_used
        if was_trier and store_used:
            assert self.gate.state is not State.TRYING

    @precondition(lambda self: self.before or self.triers)
    @rule(data=st.data(), person=st.booleans())
    def a_run_finds_the_store_unusable(self, data, person):
        self.over(self.some_run(data))
        self.gate.close(self.now, f"person {person}", "", needs_person=person)
        self.before |= self.triers
        self.triers.clear()

    @precondition(lambda self: self.gate.state is State.CLOSED)
    @rule(answered=st.booleans(), person=st.booleans())
    def the_store_is_probed(self, answered, person):
        before = self.gate._pause
        if answered:
            self.gate.probe_answered()
        else:
            self.gate.probe_failed(self.now, "still", "", needs_person=person)
            pause = self.gate.probe_at - self.now
            assert self.gate._pause == min(LONGEST_PAUSE[person], max(FIRST_PAUSE[person], 2 * before))
            assert pause == pytest.approx(self.gate._pause)

    def some_run(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.before | self.triers)))

    def over(self, run: str) -> None:
        self.before.discard(run)
        self.triers.discard(run)

    @invariant()
    def at_most_one_run_tries(self):
        if self.gate.state is State.TRYING:
            assert len(self.triers) <= 1
            assert self.gate.admits() is (not self.triers)
        else:
            self.before |= self.triers
            self.triers.clear()

    @invariant()
    def the_pause_has_a_limit(self):
        longest = max(LONGEST_PAUSE.values())
        assert self.gate.probe_at - self.now <= longest + 1e-6  # sums of large floats


TestGateAsTheServiceUsesIt = GateAsTheServiceUsesIt.TestCase
TestGateAsTheServiceUsesIt.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
