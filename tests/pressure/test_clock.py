"""The host's clock jumps by a year while runs are under way: they end as if it had not.

Waits go by the monotonic clock; the wall clock only dates what people read. libfaketime moves it for the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from huracan_spool.emulator import Emulator, Fault
from support.runs import make_run
from support.site import Site
from support.trees import expected, remote, without_records
from support.waiting import within

COMMIT = "files/upload_session/finish_batch_v2"
IMPATIENT = {"retry.run_first": "0.1s", "retry.run_max": "0.3s", "retry.call_first": "0.01s"}
(LIBRARY,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")


@pytest.mark.parametrize("jumps", [("+365d", "+0d"), ("-365d", "+0d")], ids=["forward", "back"])
async def test_a_clock_that_jumps_by_a_year_and_back_disturbs_no_run(
    connected: Site, dropbox: Emulator, tmp_path: Path, jumps: Sequence[str]
) -> None:
    """It jumps while a commit is under way, while a run waits for its next attempt, and back before a third."""
    connected.settings |= IMPATIENT
    clock = tmp_path / "clock"
    clock.write_text("+0d")
    runs = [make_run(number, symbol=f"S{number}/USDT") for number in range(3)]
    async with connected.daemon(*_faked(clock)) as daemon:
        held = dropbox.faults.add(Fault(route=COMMIT, kind="hold"))
        runs[0].publish(connected.spool)
        await within(held.reached.wait(), "the commit")
        clock.write_text(jumps[0])
        held.release()
        await daemon.settled(runs[0].name)
        failing = dropbox.faults.add(Fault(route="*", kind="server_error", times=None))
        runs[1].publish(connected.spool)
        await daemon.logged("run_waits", run=runs[1].name)
        clock.write_text(jumps[1])
        dropbox.faults.remove(failing.number)
        runs[2].publish(connected.spool)
        await daemon.settled(runs[1].name, runs[2].name)
    years = {line.text[1:5] for line in daemon.lines}
    assert len(years) > 1, "the clock did not jump"
    assert connected.receipts() == {run.name for run in runs}
    digests = {run.name: connected.receipt(run.name)["digest"] for run in runs}
    assert without_records(remote(dropbox)) == expected(runs, digests)
    assert connected.in_failed() == {}
    assert "event_loop_blocked" not in daemon.events


def _faked(clock: Path) -> tuple[str, ...]:
    """The offset in the file is read anew every time that somebody asks for the time."""
    return (
        "env",
        f"LD_PRELOAD={LIBRARY}",
        f"FAKETIME_TIMESTAMP_FILE={clock}",
        "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    )
