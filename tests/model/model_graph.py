"""Every state that can be reached, and the ways through them.

Each host has misfortunes to suffer, each once; what is left of them is a set of bits, the budget. A budget
that contains another leads wherever the other leads, so a state is visited again only with more than before.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import combinations

from model_hosts import Cost
from model_world import World

NOWHERE = -1


def budgets(hosts: int, faults: int) -> list[int]:
    """Every way to choose `faults` misfortunes out of a crash and a lost reply for each host."""
    bits = [1 << bit for bit in range(2 * hosts)]
    return [sum(chosen) for chosen in combinations(bits, min(faults, len(bits)))]


def _bit(host: int, cost: Cost) -> int:
    return 0 if cost is Cost.NONE else 1 << (2 * host + cost - 1)


class Graph:
    """The reachable states, numbered in the order of their discovery, breadth first."""

    def __init__(self, world: World, start: Iterable[int]) -> None:
        self.world = world
        self.states: list[int] = []  # by number, packed
        self._numbers: dict[int, int] = {}
        self._seen: list[tuple[int, ...]] = []  # by number, the budgets it was visited with
        self._after: list[tuple[tuple[int, int], ...] | None] = []  # by number: (cost bit, packed state)
        self._free = array("i")  # by number and host: what follows when nothing goes wrong, or NOWHERE
        self._visited, self._budget, self._before = array("i"), array("i"), array("i")  # by visit
        for budget in start:
            self._visit(world.first(), budget, NOWHERE)
        self._explore()

    def __len__(self) -> int:
        return len(self.states)

    def after(self, number: int) -> Iterator[int]:
        """The states that follow when nothing goes wrong."""
        hosts = len(self.world.hosts)
        return (after for after in self._free[number * hosts : (number + 1) * hosts] if after != NOWHERE)

    def way_to(self, number: int) -> list[int]:
        """The packed states from the start to one of the shortest ends at `number`."""
        visit, way = self._visited.index(number), list[int]()
        while visit != NOWHERE:
            way.append(self.states[self._visited[visit]])
            visit = self._before[visit]
        return way[::-1]

    def longest_way(self) -> tuple[int, int | None]:
        """The most steps to the end from anywhere when nothing goes wrong; and a state on a circle, if any."""
        before: list[list[int]] = [[] for _ in self.states]
        open_ways, longest = array("i", [0] * len(self)), array("i", [0] * len(self))
        for number in range(len(self)):
            for after in self.after(number):
                before[after].append(number)
                open_ways[number] += 1
        ended = [number for number, ways in enumerate(open_ways) if not ways]
        while ended:
            after = ended.pop()
            for number in before[after]:
                longest[number] = max(longest[number], longest[after] + 1)
                open_ways[number] -= 1
                if not open_ways[number]:
                    ended.append(number)
        return max(longest), self._on_a_circle(open_ways)

    def _on_a_circle(self, open_ways: array[int]) -> int | None:
        """Going on from a state with a way that never ends, along such ways, leads to a state seen before."""
        at = next((number for number, ways in enumerate(open_ways) if ways), None)
        passed = set()
        while at is not None and at not in passed:
            passed.add(at)
            at = next(after for after in self.after(at) if open_ways[after])
        return at

    def _explore(self) -> None:
        visit = 0
        while visit < len(self._visited):
            number, budget = self._visited[visit], self._budget[visit]
            for bit, packed in self._after[number] or self._expand(number):
                if bit & budget == bit:
                    self._visit(packed, budget ^ bit, visit)
            visit += 1

    def _visit(self, packed: int, budget: int, before: int) -> None:
        number = self._number(packed)
        seen = self._seen[number]
        if any(other & budget == budget for other in seen):
            return
        self._seen[number] = (*(other for other in seen if other & budget != other), budget)
        self._visited.append(number)
        self._budget.append(budget)
        self._before.append(before)

    def _expand(self, number: int) -> tuple[tuple[int, int], ...]:
        steps = []
        for host, packed, cost in self.world.after(self.states[number]):
            steps.append((_bit(host, cost), packed))
            if cost is Cost.NONE:
                self._free[number * len(self.world.hosts) + host] = self._number(packed)
        self._after[number] = tuple(steps)
        return tuple(steps)

    def _number(self, packed: int) -> int:
        if packed not in self._numbers:
            self._numbers[packed] = len(self.states)
            self.states.append(packed)
            self._seen.append(())
            self._after.append(None)
            self._free.extend([NOWHERE] * len(self.world.hosts))
        return self._numbers[packed]
