"""A scenario under a protocol: its states, packed into one number each, and the steps between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from model_folder import Folders
from model_hosts import COMMITTING, Cost, Host, Phase, Program, Protocol, follow
from model_scenarios import Scenario

from huracan_spool import layout
from huracan_spool.record import KnownRun, RunKey
from huracan_spool.stores.reconcile import places

_BITS = 24  # for the number of a host's memory; one that does not fit ends the exploration

Moved = tuple[int, int] | None


class World:
    """Every state is the folder and each host's memory."""

    def __init__(self, scenario: Scenario, protocol: Protocol) -> None:
        self.scenario = scenario
        self.folders = Folders(overwriting=protocol.moves_overwrite)
        self.runs = (*scenario.runs, *scenario.late_commits)  # by host
        self.hosts = range(len(self.runs))
        self.late = set(self.hosts[len(scenario.runs) :])
        self.records = {run.wants[layout.RECORD_PLACE]: run for run in self.runs}
        self._programs = [
            Program(run, self.records, self.folders, protocol, late=host in self.late)
            for host, run in enumerate(self.runs)
        ]
        self._memories: list[Host] = []
        self._numbers: dict[Host, int] = {}
        self._steps: dict[tuple[int, int, int], list[tuple[int, int, Cost, Moved]]] = {}
        self._told: dict[tuple[int, tuple[int, int]], int] = {}
        self._alone: dict[tuple[int, int, int], tuple[int, int | None]] = {}
        self._whole: dict[int, frozenset[RunKey]] = {}

    def first(self) -> int:
        committing = self._number(COMMITTING)
        return self._pack(self.folders.state(dict(self.scenario.there)), [committing] * len(self.hosts))

    def folder(self, state: int) -> int:
        return state >> _BITS * len(self.hosts)

    def memory(self, state: int, host: int) -> Host:
        return self._memories[self._memory_number(state, host)]

    def all_done(self, state: int) -> bool:
        return all(self.memory(state, host).phase is Phase.DONE for host in self.hosts)

    def after(self, state: int) -> Iterator[tuple[int, int, Cost]]:
        """(host, state that follows, cost) for every step that a host may take."""
        folder = self.folder(state)
        numbers = [self._memory_number(state, host) for host in self.hosts]
        for host in self.hosts:
            for after, number, cost, moved in self._possible(folder, numbers[host], host):
                told = numbers if moved is None else [self._tell(other, moved) for other in numbers]
                yield host, self._pack(after, [*told[:host], number, *told[host + 1 :]]), cost

    def alone(self, state: int, host: int) -> tuple[int, int | None]:
        """Steps until `host` settles when nobody else moves and nothing goes wrong, and the folder then.

        None for the folder when it never settles.
        """
        way, key = list[tuple[int, int, int]](), (self.folder(state), self._memory_number(state, host), host)
        while key not in self._alone:
            way.append(key)
            self._alone[key] = (0, None)  # holds if it comes by here again
            steps = self._possible(*key)
            if not steps:
                self._alone[key] = (0, key[0] if self._memories[key[1]].phase is Phase.DONE else None)
                break
            key = (steps[0][0], steps[0][1], host)
        taken, end = self._alone[key]
        for earlier in reversed(way):
            taken += earlier != key
            self._alone[earlier] = (taken, end)
        return self._alone[way[0] if way else key]

    def whole(self, folder: int) -> frozenset[RunKey]:
        """The runs that lie complete in their places, as far as the runs recorded in the folder tell."""
        if folder not in self._whole:
            files = self.folders.files(folder)
            there = [run for run in self.runs if _is_recorded(run, files)]
            latest = max((run.key for run in there), default=RunKey("", ""))
            whole = (run.key for run in there if places(run, latest).items() <= files.items())
            self._whole[folder] = frozenset(whole)
        return self._whole[folder]

    def _possible(self, folder: int, number: int, host: int) -> list[tuple[int, int, Cost, Moved]]:
        key = (folder, number, host)
        if key not in self._steps:
            steps = self._programs[host].steps(folder, self._memories[number])
            self._steps[key] = [(step.folder, self._number(step.host), step.cost, step.moved) for step in steps]
        return self._steps[key]

    def _tell(self, number: int, moved: tuple[int, int]) -> int:
        key = (number, moved)
        if key not in self._told:
            self._told[key] = self._number(follow(self._memories[number], moved))
        return self._told[key]

    def _number(self, host: Host) -> int:
        if host not in self._numbers:
            self._numbers[host] = len(self._memories)
            self._memories.append(host)
            assert len(self._memories) < 1 << _BITS
        return self._numbers[host]

    def _memory_number(self, state: int, host: int) -> int:
        return state >> _BITS * (len(self.hosts) - 1 - host) & ((1 << _BITS) - 1)

    def _pack(self, folder: int, numbers: Sequence[int]) -> int:
        state = folder
        for number in numbers:
            state = state << _BITS | number
        return state


def _is_recorded(run: KnownRun, files: dict[str, str]) -> bool:
    record = run.wants[layout.RECORD_PLACE]
    return any(content == record and layout.is_record(path) for path, content in files.items())
