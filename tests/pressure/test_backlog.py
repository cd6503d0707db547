"""More runs than the queue holds; `backlog.py` measures it with 100,000."""

from __future__ import annotations

import signal

from backlog import fill, memory

from support.site import Site

MOST_KIB = 200 * 1024


async def test_a_large_backlog_is_begun_at_once_takes_little_memory_and_can_be_left(site: Site) -> None:
    site.settings["spool.inspection"] = "off"
    fill(site.spool, 4000)
    async with site.daemon() as daemon:
        await daemon.logged_times(100, "temp_files_cleaned_up")
        assert memory(daemon.process.pid) < MOST_KIB
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0
    settled = int(daemon.lines[-1].fields["settled"])
    assert len(site.receipts()) == settled
    assert len(site.in_spool()) == 2 * (4000 - settled)
    assert daemon.complaints[1:] == []  # the first says that there is no Dropbox
