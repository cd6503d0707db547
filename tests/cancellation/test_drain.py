"""Draining while a request is on its way: at every request that a run makes."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count

from huracan_spool.emulator import ActiveFault, Emulator, Fault
from support.in_process import serving
from support.runs import Run, make_run
from support.site import Site
from support.trees import expected, remote, without_records
from support.waiting import eventually


async def test_a_drain_at_any_request_leaves_a_run_that_the_next_service_ends(
    connected: Site, dropbox: Emulator
) -> None:
    connected.settings["upload.drain_timeout"] = "0s"
    runs = []
    for number in count(1):
        runs.append(run := make_run(number))
        held = dropbox.faults.add(Fault(route="*", kind="hold", call=number))
        async with serving(connected) as running:
            run.publish(connected.spool)
            await eventually(partial(_reached_or_settled, held, connected, run), number)
            under_way = len(running.lines("temp_files_cleaned_up")) == 0
        dropbox.faults.clear()
        assert _tasks_of_the_daemon() == []
        async with serving(connected) as running:
            await connected.empty()
        if not under_way:
            break
    assert number > 3
    digests = {run.name: connected.receipt(run.name)["digest"] for run in runs}
    assert without_records(remote(dropbox)) == expected(runs, digests)


def _reached_or_settled(held: ActiveFault, site: Site, run: Run) -> bool:
    return held.reached.is_set() or run.name in site.receipts()


def _tasks_of_the_daemon() -> list[str]:
    coroutines = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    return [name for name in coroutines if name.startswith(("Service.", "Pipeline.", "Committer.", "Uploader."))]
