"""The ledger is lost, damaged or locked while the daemon runs: progress and history go, no run does."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.runs import make_run
from support.site import Site

IMPATIENT = {"retry.run_first": "0.1s", "retry.run_max": "0.3s"}
NAMES = ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm")


def _delete_all(state: Path) -> None:
    for name in NAMES:
        (state / name).unlink()


def _delete_one(state: Path) -> None:
    (state / NAMES[0]).unlink()


def _replace(state: Path) -> None:
    (state / "garbage").write_bytes(os.urandom(50_000))
    (state / "garbage").replace(state / NAMES[0])


@pytest.mark.parametrize("lose", [_delete_all, _delete_one, _replace])
async def test_a_ledger_that_is_lost_is_begun_anew(site: Site, lose) -> None:
    site.settings |= IMPATIENT
    first, second = make_run(0), make_run(1)
    async with site.daemon() as daemon:
        first.publish(site.spool)
        await daemon.settled(first.name)
        lose(site.state)
        second.publish(site.spool)
        await daemon.settled(second.name)
        await daemon.logged("ledger_lost")
        with closing(sqlite3.connect(site.state / NAMES[0])) as looking:
            assert looking.execute("SELECT count(*) FROM first_tries").fetchone() == (1,)
    assert site.receipts() == {first.name, second.name}
    assert (site.state / "ledger.sqlite.damaged").exists() == (lose is _replace)


async def test_a_ledger_that_somebody_has_locked_is_waited_for(site: Site) -> None:
    """And not by the event loop: what has nothing to do with the ledger goes on meanwhile."""
    site.settings |= IMPATIENT
    run = make_run()
    async with site.daemon() as daemon:
        with closing(sqlite3.connect(site.state / NAMES[0], isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            run.publish(site.spool)
            waits = await daemon.logged("run_waits", run=run.name)
            somebody.execute("ROLLBACK")
        await daemon.settled(run.name)
    assert "database is locked" in waits.fields["reason"]
    assert "event_loop_blocked" not in daemon.events
