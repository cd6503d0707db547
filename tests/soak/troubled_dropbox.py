"""A network, a Dropbox and an account with troubles."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos import Act

from huracan_spool.emulator import Emulator, Fault
from support.spoilings import ROUTES, Spoiling, spoilings

# The two that carry bytes and make them visible come up twice as often.
OFTEN = (*ROUTES, "files/upload_session/append_batch", "files/upload_session/finish_batch_v2")
LONGEST_WAIT = 5  # seconds that Dropbox may ask for: whoever obeys for five minutes is not under test meanwhile


@dataclass
class TroubledDropbox:
    """`tell` is called when a trouble is over that would have lasted until somebody mends it."""

    emulator: Emulator
    rng: random.Random
    tell: Callable[[], None]
    done: Counter[str] = field(default_factory=Counter)

    @property
    def acts(self) -> list[Act]:
        return [
            (30, self.spoil),
            (2, self.expire_tokens),
            (1, self.lose_network),
            (1, self.lose_consent),
            (1, self.fill_account),
        ]

    def calm(self) -> None:
        self.emulator.faults.clear()
        self.emulator.restore_refresh_token()
        self.tell()

    async def spoil(self) -> None:
        """One call, or some in a row, go wrong in one of all the ways there are."""
        self._forget_spent()
        route = self.rng.choice(OFTEN)
        spoiling = self._some_spoiling(route)
        fault = spoiling.fault(route, self.rng.randint(1, 3), self.rng.choice((1, 1, 1, 2, 5)))
        if all(active.fault.route != route for active in self.emulator.faults):
            self.done[f"fault: {spoiling.of}"] += 1
            self.emulator.faults.add(fault)

    async def expire_tokens(self) -> None:
        self.emulator.expire_tokens()

    async def lose_network(self) -> None:
        await self._for_a_while(Fault(route="*", kind="refuse", times=None))

    async def lose_consent(self) -> None:
        self.emulator.revoke_refresh_token()
        self.emulator.expire_tokens()
        await self._some_time()
        self.emulator.restore_refresh_token()
        self.tell()

    async def fill_account(self) -> None:
        entries = {number: {".tag": "path", "path": {".tag": "insufficient_space"}} for number in range(1000)}
        await self._for_a_while(
            Fault(route="files/upload_session/finish_batch_v2", kind="entries", entries=entries, times=None)
        )

    def _some_spoiling(self, route: str) -> Spoiling:
        """Each class is as likely as the others, however many members it has."""
        classes: defaultdict[str, list[Spoiling]] = defaultdict(list)
        for spoiling in spoilings(route):
            if spoiling.fields.get("retry_after", 0) <= LONGEST_WAIT:
                classes[spoiling.of].append(spoiling)
        return self.rng.choice(classes[self.rng.choice(sorted(classes))])

    def _forget_spent(self) -> None:
        """A call that is held by one of them goes on."""
        for active in self.emulator.faults:
            if active.is_spent:
                self.emulator.faults.remove(active.number)

    async def _for_a_while(self, fault: Fault) -> None:
        active = self.emulator.faults.add(fault)
        await self._some_time()
        self.emulator.faults.remove(active.number)
        self.tell()

    async def _some_time(self) -> None:
        await asyncio.sleep(self.rng.uniform(2, 8))
