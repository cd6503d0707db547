"""A loop that is blocked is noticed, and what blocks it is named."""

from __future__ import annotations

import asyncio
import io
import signal
import threading
import time

from huracan_spool import logs
from huracan_spool.emulator import Emulator, Fault
from huracan_spool.loop_watch import BLOCKED_AFTER, Block, LoopWatch
from support.loglines import LogLine, parse_line
from support.runs import make_run
from support.site import Site
from support.waiting import eventually, within


def test_a_block_is_told_of_ever_more_seldom_and_its_end_once() -> None:
    block = Block(2.0)
    told = {now: block.looked_at(now, marked=0.0) for now in (1, 2, 3, 5, 6, 12, 18)}
    assert told == {1: None, 2: 2, 3: None, 5: None, 6: 6, 12: None, 18: 18}
    assert block.ended(0.0) is None
    assert block.ended(20.0) == 20.0
    assert block.ended(20.5) is None
    assert block.looked_at(22.4, marked=20.5) is None
    assert block.looked_at(22.5, marked=20.5) == 2.0


def test_time_in_which_nothing_ran_does_not_count() -> None:
    block = Block(2.0)
    block.stood_still(1000.0)
    assert block.looked_at(1001.9, marked=0.0) is None
    assert block.looked_at(1002.0, marked=0.0) == 2.0


async def test_a_blocked_loop_is_told_of_while_it_is_blocked_with_what_blocks_it() -> None:
    """The block ends only when it has been told of."""
    log = io.StringIO()
    logs.configure("text", "info", stream=log)
    told = threading.Event()

    def block_the_loop() -> None:
        told.wait(60)

    def lines() -> list[LogLine]:
        return [parse_line(text) for text in log.getvalue().splitlines()]

    def look() -> None:
        while "event_loop_blocked" not in log.getvalue():
            told.wait(0.01)
        told.set()

    try:
        with LoopWatch(blocked_after=0.2):
            looker = threading.Thread(target=look)
            looker.start()
            block_the_loop()
            await asyncio.to_thread(looker.join)
            await eventually(lambda: lines()[-1].event == "event_loop_runs_again", lines)
    finally:
        logs.configure("text", "info")
    blocked = lines()[0]
    assert (blocked.event, blocked.level) == ("event_loop_blocked", "error")
    places = [place.split(" ")[1] for place in blocked.fields["stack"]]
    assert places.index("wait") < places.index("block_the_loop")
    assert "test_event_loop.py" in blocked.fields["stack"][places.index("block_the_loop")]


async def test_a_process_that_was_stopped_is_not_taken_for_a_blocked_loop(
    connected: Site, dropbox: Emulator
) -> None:
    """Stopped in the middle of an upload, and for longer than a loop may be blocked."""
    held = dropbox.faults.add(Fault(route="files/upload_session/finish_batch_v2", kind="hold"))
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        await within(held.reached.wait(), "the commit")
        daemon.signal(signal.SIGSTOP)
        over = time.monotonic() + 1.5 * BLOCKED_AFTER
        await eventually(lambda: time.monotonic() > over, "the time to be stopped")
        daemon.signal(signal.SIGCONT)
        await daemon.logged("process_stood_still")
        held.release()
        await daemon.settled(run.name)
    assert "event_loop_blocked" not in daemon.events
