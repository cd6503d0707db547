"""Everything that happens to daemons, network and account in years, in an hour. Which, and when, the seed says."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from faults.spoilings import spoilings
from training_host import TrainingHost

from huracan_spool.emulator import Emulator, Fault
from huracan_spool.spool.failed import failed_runs

ROUTES = (
    "oauth2/token",
    "files/upload_session/start_batch",
    "files/upload_session/append_batch",
    "files/upload_session/finish_batch_v2",
    "files/list_folder",
    "files/list_folder/continue",
    "files/get_metadata",
    "files/download",
    "files/move_batch_v2",
    "files/move_batch/check_v2",
    "files/copy_batch_v2",
    "files/copy_batch/check_v2",
)
_FULL = {".tag": "insufficient_space"}


@dataclass
class Chaos:
    """`mortal` is killed and stopped; the others live all the time, so that growth would show in them."""

    emulator: Emulator
    hosts: list[TrainingHost]
    mortal: TrainingHost
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)

    async def reign(self, pause: float, over: asyncio.Event) -> None:
        """One thing after the other, `pause` seconds apart on average."""
        acts: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (8, self.spoil),
            (4, self.kill),
            (1, self.terminate),
            (2, self.reload),
            (2, self.rescan),
            (1, self.freeze),
            (1, self.lose_ledger),
            (1, self.lose_network),
            (1, self.lose_token),
            (1, self.fill_account),
            (4, self.operate),
        ]
        while not over.is_set():
            await asyncio.sleep(self.rng.expovariate(1 / pause))
            [act] = self.rng.choices([act for _, act in acts], [weight for weight, _ in acts])
            self.done[act.__name__] += 1
            await act()
        await self.calm()

    async def calm(self) -> None:
        self.emulator.faults.clear()
        self.emulator.restore_refresh_token()
        for host in self.hosts:
            host.strike(signal.SIGCONT)
            host.strike(signal.SIGUSR1)

    async def spoil(self) -> None:
        """One call, or some in a row, go wrong in one of all the ways there are."""
        route = self.rng.choice(ROUTES)
        spoiling = self.rng.choice(spoilings(route))
        active = self.emulator.faults.add(
            spoiling.fault(route, self.rng.randint(1, 3), self.rng.choice((1, 1, 1, 2, 5)))
        )
        self.done[f"fault: {spoiling.of}"] += 1
        await asyncio.sleep(self.rng.uniform(0.5, 3))
        if spoiling.of == "stall":
            self.emulator.faults.remove(active.number)

    async def kill(self) -> None:
        self.mortal.strike(signal.SIGKILL)

    async def terminate(self) -> None:
        self.mortal.strike(signal.SIGTERM)

    async def reload(self) -> None:
        self.rng.choice(self.hosts).strike(signal.SIGHUP)

    async def rescan(self) -> None:
        self.rng.choice(self.hosts).strike(signal.SIGUSR1)

    async def freeze(self) -> None:
        host = self.rng.choice(self.hosts)
        host.strike(signal.SIGSTOP)
        await asyncio.sleep(self.rng.uniform(0.5, 4))
        host.strike(signal.SIGCONT)

    async def lose_ledger(self) -> None:
        """Under a running daemon; half of the time with all that lies beside it, but for the lock."""
        host = self.rng.choice(self.hosts)
        names = ["ledger.sqlite"] if self.rng.random() < 0.5 else ["ledger.sqlite", "ledger.sqlite-wal"]
        for name in names:
            (host.site.state / name).unlink(missing_ok=True)
        if self.rng.random() < 0.3:
            shutil.rmtree(host.site.state / "models", ignore_errors=True)

    async def lose_network(self) -> None:
        await self._for_a_while(Fault(route="*", kind="refuse", times=None))

    async def lose_token(self) -> None:
        self.emulator.revoke_refresh_token()
        self.emulator.expire_tokens()
        await asyncio.sleep(self.rng.uniform(2, 8))
        self.emulator.restore_refresh_token()
        await self._tell()

    async def fill_account(self) -> None:
        entries = dict.fromkeys(range(1000), {".tag": "path", "path": _FULL})
        await self._for_a_while(
            Fault(route="files/upload_session/finish_batch_v2", kind="entries", entries=entries, times=None)
        )

    async def operate(self) -> None:
        """Somebody looks at what failed, and has the runs tried again that an odd answer put there."""
        for host in self.hosts:
            refused = [run.folder for run in failed_runs(host.site.spool) if run.code == "refused_by_store"]
            if refused:
                await host.site.command("failed", "retry", *refused[:5], "--config", str(host.site.config))

    async def _for_a_while(self, fault: Fault) -> None:
        active = self.emulator.faults.add(fault)
        await asyncio.sleep(self.rng.uniform(2, 8))
        self.emulator.faults.remove(active.number)
        await self._tell()

    async def _tell(self) -> None:
        """The account waits up to a quarter of an hour for a person; the person says when it is mended."""
        for host in self.hosts:
            host.strike(signal.SIGUSR1)
