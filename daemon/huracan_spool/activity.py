"""What is going on and what was done since the start, for people who look. Nothing is decided by it.

The engine reports here by calls that cost next to nothing; `http` reads. It outlives a reload, so its totals go
on. Everything is bounded: the runs under way by the engine, the rest by the constants below.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from huracan_spool.manifest import parse_trained_at
from huracan_spool.measures import Histogram, Speed, Throughput
from huracan_spool.receipt import UPLOADED, Receipt
from huracan_spool.recent import Recent

RECENT = 50
LAGS = 60  # looks at the event loop that its worst lag is taken of

# Seconds. A small run takes half a second; a large model on a slow line takes hours.
RUN_BOUNDS = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
AGE_BOUNDS = (1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 43200, 86400)
CALL_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Stage(StrEnum):
    """Where a run under way is. Bytes may be on their way before inspection is done."""

    OPENING = "opening"
    WAITING = "waiting"
    INSPECTING = "inspecting"
    UPLOADING = "uploading"
    COMMITTING = "committing"
    CLEANING = "cleaning"


class Progress(Protocol):
    """What a store tells of its work, from the event loop."""

    def enters(self, run: str, stage: Stage) -> None: ...

    def moved(self, fd: int, offset: int, count: int) -> None:
        """Of the open file `fd`, the `count` bytes from `offset` on are out, or were already.

        A piece that is sent again counts anew: `count` is where it is now, not what came on top.
        """
        ...

    def sent(self, count: int) -> None:
        """So many bytes of contents went over the line, repeats included."""
        ...

    def called(self, route: str, outcome: str, seconds: float) -> None:
        """A call of the store's API ended, one time; `outcome` is a word from a short list."""
        ...

    def repeats(self) -> None:
        """A call is made again."""
        ...


class Unheard:
    """A `Progress` that nobody follows."""

    def enters(self, run: str, stage: Stage) -> None: ...

    def moved(self, fd: int, offset: int, count: int) -> None: ...

    def sent(self, count: int) -> None: ...

    def called(self, route: str, outcome: str, seconds: float) -> None: ...

    def repeats(self) -> None: ...


UNHEARD = Unheard()


@dataclass
class UnderWay:
    """An attempt at a run. `began` is monotonic; `published` is in seconds since 1970, if it is known."""

    run: str
    began: float
    published: float | None
    symbol: str | None = None
    stage: Stage = Stage.OPENING
    bytes_total: int = 0
    bytes_out: int = 0
    speed: Speed = field(default_factory=Speed)
    files: frozenset[int] = frozenset()
    _pieces: dict[tuple[int, int], int] = field(default_factory=dict)

    def moved(self, now: float, fd: int, offset: int, count: int) -> None:
        self.bytes_out += count - self._pieces.get((fd, offset), 0)
        self._pieces[fd, offset] = count
        self.speed.note(now, self.bytes_out)

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.bytes_out / self.bytes_total) if self.bytes_total else 0.0


@dataclass
class Totals:
    """Since the process started."""

    settled: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    pauses: Counter[bool] = field(default_factory=Counter)
    uploaded_bytes: int = 0
    bytes_sent: int = 0
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    calls_repeated: int = 0
    rescans_failed: int = 0
    run_seconds: Histogram = field(default_factory=lambda: Histogram(RUN_BOUNDS))
    run_ages: Histogram = field(default_factory=lambda: Histogram(AGE_BOUNDS))
    call_seconds: Histogram = field(default_factory=lambda: Histogram(CALL_BOUNDS))


@dataclass(frozen=True, slots=True)
class Rescan:
    """The last whole look at the spool: when it ended, in seconds since 1970, and how long it took."""

    at: float
    seconds: float


class Activity:
    """`monotonic` and `now` (seconds since 1970) are clocks."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self.monotonic = monotonic
        self.now = now
        self.started_at = now()
        self.totals = Totals()
        self.throughput = Throughput()
        self.speed = Speed()
        self.last_success: float | None = None
        self.rescan: Rescan | None = None
        self.rescan_error: str | None = None
        self.orphans = 0
        self._recent: deque[Recent] = deque(maxlen=RECENT)
        self._runs: dict[str, UnderWay] = {}
        self._by_file: dict[int, UnderWay] = {}
        self._lags: deque[float] = deque(maxlen=LAGS)

    # -- what is read

    @property
    def under_way(self) -> tuple[UnderWay, ...]:
        """In the order in which they were taken up."""
        return tuple(self._runs.values())

    @property
    def recent(self) -> tuple[Recent, ...]:
        """Newest first."""
        return tuple(self._recent)

    @property
    def loop_lag(self) -> float:
        """The worst of the last minute, in seconds."""
        return max(self._lags, default=0.0)

    # -- what the service reports

    def remember(self, runs: Sequence[Recent]) -> None:
        """What earlier processes settled, newest first. Nothing that this one knows better."""
        if not self._recent:
            self._recent.extend(runs)
            uploaded = [run for run in runs if run.status == UPLOADED]
            self.last_success = parse_trained_at(uploaded[0].settled_at).timestamp() if uploaded else None

    @contextmanager
    def attempt(self, run: str, published: float | None) -> Iterator[None]:
        self._runs[run] = this = UnderWay(run, self.monotonic(), published)
        try:
            yield
        finally:
            del self._runs[run]
            for fd in this.files:
                if self._by_file.get(fd) is this:  # else closed by now, and the number another run's
                    del self._by_file[fd]

    def retried(self) -> None:
        """An attempt ended without an end of the run: it waits for another."""
        self.totals.retried += 1

    def paused(self, *, needs_person: bool) -> None:
        self.totals.pauses[needs_person] += 1

    def rescanned(self, seconds: float) -> None:
        self.rescan, self.rescan_error = Rescan(self.now(), seconds), None

    def rescan_failed(self, error: str) -> None:
        self.totals.rescans_failed += 1
        self.rescan_error = error

    def lagged(self, seconds: float) -> None:
        """The event loop came so much later than it was asked to, which it is asked every second."""
        self._lags.append(max(0.0, seconds))

    # -- what the pipeline reports

    def opened(self, run: str, symbol: str, files: Mapping[int, int]) -> None:
        """`files` are the sizes of the run's open files, by descriptor."""
        this = self._runs.get(run)
        if this is not None:
            this.symbol, this.files, this.bytes_total = symbol, frozenset(files), sum(files.values())
            self._by_file.update(dict.fromkeys(files, this))

    def settled(self, receipt: Receipt) -> None:
        self.totals.settled[receipt.status] += 1
        self._recent.appendleft(Recent.of(receipt))
        this = self._runs.get(receipt.run)
        if not receipt.uploaded:
            self.totals.failed[str(receipt.code)] += 1
            return
        self.last_success = self.now()
        self.totals.uploaded_bytes += sum(artifact.size for artifact in receipt.artifacts.values())
        if this is not None:
            self.totals.run_seconds.observe(self.monotonic() - this.began)
            if this.published is not None:
                self.totals.run_ages.observe(max(0.0, self.now() - this.published))

    # -- what a store reports, as `Progress`

    def enters(self, run: str, stage: Stage) -> None:
        if run in self._runs:
            self._runs[run].stage = stage

    def moved(self, fd: int, offset: int, count: int) -> None:
        this = self._by_file.get(fd)
        if this is not None:
            this.moved(self.monotonic(), fd, offset, count)

    def sent(self, count: int) -> None:
        now = self.monotonic()
        self.totals.bytes_sent += count
        self.throughput.add(now, count)
        self.speed.note(now, self.totals.bytes_sent)

    def called(self, route: str, outcome: str, seconds: float) -> None:
        self.totals.calls[route, outcome] += 1
        self.totals.call_seconds.observe(seconds)

    def repeats(self) -> None:
        self.totals.calls_repeated += 1
