"""The watchdog is fed while the work moves, and a wait with an end is movement."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from huracan_spool.activity import Activity, Stage
from huracan_spool.pulse import PATIENCE, SLOWEST_READING, Pulse
from huracan_spool.standing import Paused, Standing

INTERVAL = 30.0
BEAT = 15.0
LONG = PATIENCE + 2 * BEAT


@dataclass
class Daemon:
    """Whose time goes by when it is told to, with a look at the spool every `INTERVAL`."""

    now: float = 1000.0
    paused: Paused | None = None
    looks: bool = True
    attempts: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.activity = Activity(monotonic=lambda: self.now, now=lambda: self.now)
        self.pulse = Pulse(self.activity, self.standing, INTERVAL, self.now)

    def standing(self) -> Standing:
        return Standing("dropbox", 1, None, 0, stopping=False, paused=self.paused)

    def begin(self, run: str, size: int = 1) -> None:
        self.attempts.enter_context(self.activity.attempt(run, None))
        self.activity.opened(run, "SOL/USDT", {7: size})

    def after(self, seconds: float) -> str | None:
        """What is stuck then, asked as often as the service asks."""
        end, stuck = self.now + seconds, None
        while self.now < end:
            self.now = min(end, self.now + BEAT)
            if self.looks:
                self.activity.rescanned(0.1)
            stuck = self.pulse.stuck(self.now)
        return stuck


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


def test_a_night_without_work_is_no_reason_to_worry(daemon: Daemon) -> None:
    assert daemon.after(12 * 3600) is None


def test_an_attempt_that_says_nothing_is_stuck(daemon: Daemon) -> None:
    daemon.begin("a")
    assert daemon.after(PATIENCE - 1) is None
    assert str(daemon.after(2 * BEAT)).startswith("1 runs are under way, and nothing was heard of them")


@pytest.mark.parametrize(
    "sign",
    [
        lambda activity: activity.enters("a", Stage.COMMITTING),
        lambda activity: activity.moved(7, 0, 1),
        lambda activity: activity.sent(1),
        lambda activity: activity.called("files/delete_v2", "ok", 1.0),
        lambda activity: activity.repeats(),
    ],
    ids=["stage", "piece", "bytes", "answer", "repeat"],
)
def test_any_sign_of_work_is_enough(daemon: Daemon, sign) -> None:
    daemon.begin("a")
    daemon.after(PATIENCE - 1)
    sign(daemon.activity)
    assert daemon.after(PATIENCE - 1) is None
    assert daemon.after(2 * BEAT) is not None


def test_a_large_file_may_be_read_for_long(daemon: Daemon) -> None:
    daemon.begin("a", size=SLOWEST_READING * 3600)
    assert daemon.after(3600) is None
    assert daemon.after(LONG) is not None


def test_an_outage_is_waited_out(daemon: Daemon) -> None:
    daemon.begin("a")
    daemon.paused = Paused("no route", "", needs_person=False, seconds=1, next_try=30)
    assert daemon.after(6 * 3600) is None


def test_a_probe_that_never_comes_back_is_stuck(daemon: Daemon) -> None:
    daemon.begin("a")
    daemon.paused = Paused("no route", "", needs_person=False, seconds=1, next_try=0)
    assert daemon.after(LONG) is not None


def test_a_run_that_comes_after_a_long_rest_has_its_full_time(daemon: Daemon) -> None:
    daemon.after(12 * 3600)
    daemon.begin("a")
    assert daemon.after(PATIENCE - 1) is None


def test_looks_at_the_spool_that_no_longer_end_are_stuck(daemon: Daemon) -> None:
    """A dead disk, or all threads in use for ever."""
    daemon.looks = False
    assert daemon.after(PATIENCE) is None
    assert str(daemon.after(INTERVAL + 2 * BEAT)).startswith("no look at the spool came to an end")
