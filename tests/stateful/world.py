"""Two hosts, one account and their clock, for a machine that is not asynchronous."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from doorbell import ring
from stations import Station, strict
from submissions import MANIFEST, Submission

from huracan_spool.emulator import Emulator, EmulatorOptions
from huracan_spool.emulator.wan_profile import WanProfile
from huracan_spool.ledger import LEDGER
from support.hosts import until
from support.virtual_time import VirtualLoop

T = TypeVar("T")

HOSTS = 2
EPOCH = 1_772_000_000.0
_A_MOMENT = 1e-6  # after which everything has happened that needed no time
# Calls that take time, so that a moment can be in the middle of something, and of a batch.
_FAR = WanProfile(
    rtt=0.05, content_call=0.1, rpc_call=0.06, lock_single=0.1, lock_entry=0.04, lock_mode="per_entry"
)


@dataclass(frozen=True)
class Variant:
    """`archive`: every host keeps its runs in an archive of its own; `far`: calls take their time."""

    archive: bool = False
    inspecting: bool = False
    far: bool = False


class World:
    """`async` inside, between two calls it stands still: no thread is at work, no file half-way."""

    def __init__(self, folder: Path, variant: Variant) -> None:
        self.variant = variant
        self._folder = folder
        self._loop = VirtualLoop()
        self._runner = asyncio.Runner(loop_factory=lambda: self._loop)
        self._opened = AsyncExitStack()

    def __enter__(self) -> Self:
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        with self._runner:
            self._run(self._close())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        options = EmulatorOptions(
            https=None,
            root=self._folder / "dropbox",
            clock=lambda: EPOCH + loop.time(),
            wan=_FAR if self.variant.far else WanProfile(),
        )
        self.emulator = await self._opened.enter_async_context(Emulator(options))
        self.stations = [self._station(number) for number in range(HOSTS)]
        for station in self.stations:
            await station.start()

    def _station(self, number: int) -> Station:
        inspector = strict() if self.variant.inspecting else None
        return Station(
            self._folder / f"host{number}", self.emulator, archive=self.variant.archive, inspector=inspector
        )

    async def _close(self) -> None:
        for station in self.stations:
            await station.kill()
        await self._opened.aclose()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        result = self._runner.run(work)
        while self._loop.threads_at_work:  # its clock stands as long as there are any
            self._runner.run(asyncio.sleep(_A_MOMENT))
        return result

    # -- the clock

    def passes(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))
        self._run(asyncio.sleep(_A_MOMENT))

    # -- daemons

    def start(self, number: int) -> None:
        self._run(self.stations[number].start())

    def stop(self, number: int) -> None:
        self._run(self.stations[number].stop())

    def kill(self, number: int) -> None:
        self._run(self.stations[number].kill())

    def rescan(self, number: int) -> None:
        async def signal() -> None:
            daemon = self.stations[number].daemon
            if daemon is not None:
                daemon.service.rescan_now()

        self._run(signal())

    def is_up(self, number: int) -> bool:
        return self.stations[number].daemon is not None

    def lose_ledger(self, number: int) -> None:
        for path in self.stations[number].site.state.glob(f"{LEDGER}*"):
            path.unlink()

    def age_receipts(self, number: int, seconds: float) -> None:
        for path in (self.spool(number) / "receipts").glob("*.json"):
            os.utime(path, (time.time() - seconds,) * 2)

    # -- the account

    def clear_faults(self) -> None:
        async def clear() -> None:
            self.emulator.faults.clear()

        self._run(clear())

    # -- producers

    def spool(self, number: int) -> Path:
        return self.stations[number].site.spool

    def hand_over(self, submission: Submission, *, told: bool) -> None:
        """As producers do: the manifest last, each file in one step. `told`: its event reaches the daemon."""
        spool = self.spool(submission.host)
        for name, data in submission.files.items():
            if data is not None:
                _put(spool, name, data)
        _put(spool, submission.name + MANIFEST, submission.manifest)
        if told:
            self.rings(submission)

    def rings(self, *submissions: Submission, after: float = 0.0) -> None:
        """Their events come so many seconds from now."""

        async def event() -> None:
            for each in submissions:
                name = each.name + MANIFEST
                asyncio.get_running_loop().call_later(after, ring, self.spool(each.host), name)

        self._run(event())

    # -- the end of all troubles

    def settle(self, patience: float) -> dict[str, str]:
        """Everybody up, nothing spoiled, and time; returns what is pending after that, and what was said of it."""
        self.clear_faults()
        self.emulator.restore_refresh_token()
        for station in self.stations:
            station.kill_after(None)
        self.passes(0.0)  # who was about to die is dead
        for number in range(HOSTS):
            if not self.is_up(number):
                self.start(number)
            self.rescan(number)
        self._run(until(lambda: not self.pending(), patience))
        self.passes(1.0)
        return self.pending()

    def pending(self) -> dict[str, str]:
        """Manifests in the spools, and the last that was said of each."""
        return {
            f"{name} on {number}": self._last_words(number, name.removesuffix(MANIFEST))
            for number in range(HOSTS)
            for name in sorted(os.listdir(self.spool(number)))
            if name.endswith(MANIFEST)
        }

    def _last_words(self, number: int, run: str) -> str:
        lines = [line for book in self.stations[number].books for line in book if line.get("run") == run]
        return str(lines[-2:])


def _put(spool: Path, name: str, data: bytes) -> None:
    aside = spool.parent / "aside"
    aside.write_bytes(data)
    os.rename(aside, spool / name)


def remove(spool: Path, names: Iterable[str]) -> None:
    for name in names:
        with suppress(FileNotFoundError):
            os.unlink(spool / name)
