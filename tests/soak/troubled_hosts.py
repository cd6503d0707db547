"""Hosts on which daemons are killed, stopped and reconfigured, lose their ledger, and are looked after."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos import Act
from swapped import away
from training_host import TrainingHost

from huracan_spool.emulator import Emulator
from huracan_spool.spool.failed import FailedRun, failed_runs

_BROKEN = "upload: {workers: many}\n"
_AT_ONCE = 5  # failed runs that an operator has tried again


@dataclass
class TroubledHosts:
    """`mortal` is killed and stopped; the others live all the time, so that growth would show in them."""

    emulator: Emulator
    hosts: Sequence[TrainingHost]
    mortal: TrainingHost
    rng: random.Random

    @property
    def acts(self) -> list[Act]:
        return [
            (8, self.kill),
            (2, self.terminate),
            (2, self.reload),
            (1, self.reload_badly),
            (1, self.rescan),
            (2, self.freeze),
            (1, self.lose_ledger),
            (1, self.lose_spool),
            (2, self.operate),
        ]

    def tell(self) -> None:
        """The account waits up to a quarter of an hour for a person; the person says when it is mended."""
        for host in self.hosts:
            host.strike(signal.SIGUSR1)

    def calm(self) -> None:
        for host in self.hosts:
            host.strike(signal.SIGCONT)
        self.tell()

    async def kill(self) -> None:
        self.mortal.strike(signal.SIGKILL)

    async def terminate(self) -> None:
        self.mortal.strike(signal.SIGTERM)

    async def reload(self) -> None:
        host = self.rng.choice(self.hosts)
        configure(host, self.emulator, f"upload: {{workers: {self.rng.randint(1, 8)}}}\n")
        host.strike(signal.SIGHUP)

    async def reload_badly(self) -> None:
        """Mended before the next daemon could be started with it."""
        host = self.rng.choice(self.hosts)
        if host.is_up and host.daemon is not None:
            configure(host, self.emulator, _BROKEN)
            before = len(host.daemon.lines)
            host.strike(signal.SIGHUP)
            await host.daemon.logged("configuration_refused", after=before)
            configure(host, self.emulator)

    async def rescan(self) -> None:
        self.rng.choice(self.hosts).strike(signal.SIGUSR1)

    async def freeze(self) -> None:
        host = self.rng.choice(self.hosts)
        host.strike(signal.SIGSTOP)
        await asyncio.sleep(self.rng.uniform(0.5, 4))
        host.strike(signal.SIGCONT)

    async def lose_ledger(self) -> None:
        """Under a running daemon; half of the time with all that lies beside it."""
        host = self.rng.choice(self.hosts)
        names = ["ledger.sqlite"] if self.rng.random() < 0.5 else ["ledger.sqlite", "ledger.sqlite-wal"]
        for name in names:
            (host.site.state / name).unlink(missing_ok=True)

    async def lose_spool(self) -> None:
        host = self.rng.choice(self.hosts)
        async with away(host.site.spool, other_spool(host)):
            await asyncio.sleep(self.rng.uniform(1, 8))

    async def operate(self) -> None:
        """Somebody looks at what failed, and has the runs tried again that an odd answer put there."""
        for host in self.hosts:
            refused = [run.folder for run in refused_runs(host) if _is_whole(host, run)][:_AT_ONCE]
            if refused:
                await host.site.command("failed", "retry", *refused, "--config", str(host.site.config))


def other_spool(host: TrainingHost) -> Path:
    """What lies where the spool was while it is away."""
    return host.site.home / "other-spool"


def configure(host: TrainingHost, emulator: Emulator, more: str = "") -> None:
    """A whole file at any time: a daemon may be about to read it."""
    login = f"dropbox:\n  refresh_token: {emulator.refresh_token}\n  app_key: {emulator.app_key}\n"
    draft = host.site.config.with_name("config.new")
    draft.touch(mode=0o600)
    draft.write_text(login + more, encoding="utf-8")
    draft.rename(host.site.config)


def _is_whole(host: TrainingHost, run: FailedRun) -> bool:
    """A file that it shared with a pending run stayed in the spool for that one, and went with it; its producer has
    to bring it again. As long as it is there, somebody else may be about to take it away.
    """
    if any((host.site.spool / name).exists() for name in run.left_in_spool):
        return False
    for name in run.left_in_spool:
        (host.site.spool / name).write_bytes(host.shared[name])
    return True


def refused_runs(host: TrainingHost) -> list[FailedRun]:
    """Those that an odd answer of Dropbox put aside."""
    return [run for run in failed_runs(host.site.spool) if run.code == "refused_by_store"]
