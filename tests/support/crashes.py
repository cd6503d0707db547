"""One attempt at a run, killed at every system call that changes something, each time from a fresh spool."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from support.one_attempt import CountingStore, attempt_once
from support.programs import environ
from support.runs import Run
from support.strace import killing, python
from support.waiting import within

PROGRAM = Path(__file__).with_name("one_attempt.py")


@dataclass(frozen=True)
class Crash:
    """The files below `home` as a process left them that died at its `number`-th `call`."""

    home: Path
    run: Run
    call: str
    number: int

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    @property
    def state(self) -> Path:
        return self.home / "state"

    def receipt_exists(self) -> bool:
        return (self.spool / "receipts" / f"{self.run.name}.json").exists()

    async def next_start(self) -> CountingStore:
        """What the next daemon does with it, in this process; returns the store it used."""
        return await attempt_once(self.spool, self.state, self.run.name)

    def files(self) -> set[str]:
        """Every file in the spool, hidden ones too, but for the locks."""
        found = {path.relative_to(self.spool).as_posix() for path in self.spool.rglob("*") if not path.is_dir()}
        return found - {"receipts/.lock"}


async def crashes(
    home: Path, run: Run, manifest: dict[str, object], calls: tuple[str, ...]
) -> AsyncIterator[Crash]:
    """A crash at the first such call, at the second, and so on, until a process gets through untouched."""
    for call in calls:
        number = 1
        while True:
            crash = Crash(home / f"{call}-{number}", run, call, number)
            crash.spool.mkdir(parents=True, mode=0o770)
            run.drop(crash.spool, manifest)
            if await _survives(crash):
                shutil.rmtree(crash.home)
                break
            yield crash
            shutil.rmtree(crash.home)
            number += 1


async def _survives(crash: Crash) -> bool:
    command = (
        *killing(crash.call, crash.number),
        *python(PROGRAM, str(crash.spool), str(crash.state), crash.run.name),
    )
    process = await asyncio.create_subprocess_exec(*command, env=environ(PYTHONDONTWRITEBYTECODE="1"))
    code = await within(process.wait(), f"{crash.call} {crash.number}")
    assert code in {0, -9}, (crash.call, crash.number, code)
    return code == 0
