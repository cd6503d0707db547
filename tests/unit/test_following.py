"""Going over from one spool to another, and back, without losing a lock or a descriptor."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from huracan_spool.spool import following
from huracan_spool.spool.directory import Spool, SpoolBusy, open_spool
from huracan_spool.spool.following import Following
from huracan_spool.threads import in_thread


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_spool(tmp_path / "spool")
    yield opened
    opened.close()


def _replace(spool: Spool, name: str) -> Path:
    spool.path.rename(spool.path.with_name(name))
    spool.path.mkdir(0o770)
    return spool.path.with_name(name)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_spool_that_comes_back_is_no_other_daemons(spool: Spool) -> None:
    with Following(spool) as spools:
        first = _replace(spool, "first")
        spools.follow()
        spool.path.rename(spool.path.with_name("second"))
        first.rename(spool.path)
        spools.follow()
        assert spools.current.still_there()
        with pytest.raises(SpoolBusy):
            open_spool(spool.path)
        spool.path.rename(first)
        (spool.path.with_name("second")).rename(spool.path)
        spools.follow()
        assert spools.current.still_there()


def test_every_lock_is_free_in_the_end(spool: Spool) -> None:
    with Following(spool) as spools:
        _replace(spool, "first")
        spools.follow()
    open_spool(spool.path).close()


def test_a_spool_stays_open_as_long_as_somebody_uses_it(spool: Spool) -> None:
    with Following(spool) as spools:
        _replace(spool, "first")
        spools.follow()
        with spools.in_use() as used:
            for number in range(3):
                _replace(spool, f"old-{number}")
                spools.follow()
            assert not used.still_there()
            assert os.listdir(used.receipts) == [".lock"]
        before = _descriptors()
        _replace(spool, "last")
        spools.follow()
        assert _descriptors() == before - 4  # two were unused, one is new


async def test_a_caller_that_is_cancelled_loses_no_lock(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(*args: object) -> Spool:
        begun.set()
        go_on.wait(60)
        return open_spool(*args)

    monkeypatch.setattr(following, "open_spool", slowly)
    _replace(spool, "first")
    with Following(spool) as spools:
        task = asyncio.create_task(in_thread(spools.follow))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    open_spool(spool.path).close()
