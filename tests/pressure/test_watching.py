"""The kernel's limits on watching: told, lived with, and tried again until there is room.

A daemon in a user namespace of its own has limits of its own, which can be raised while it runs.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.daemon_process import DaemonProcess
from support.runs import make_run
from support.site import Site, finished

NEVER = "1h"


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("max_inotify_instances", "inotify instance limit reached"),
        ("max_inotify_watches", "inotify watch limit reached"),
    ],
)
async def test_a_spool_that_can_not_be_watched_is_watched_as_soon_as_it_can(
    site: Site, limit: str, says: str
) -> None:
    """One rescan finds the first run; none would find the second."""
    site.settings["spool.rescan_interval"] = NEVER
    first, second = make_run(0), make_run(1)
    first_look = site.spool
    first_look.mkdir(mode=0o770)
    first.drop(first_look)
    async with site.daemon(*_with_a_limit(limit, 0)) as daemon:
        told = await daemon.logged("spool_not_watched")
        await daemon.settled(first.name)
        descriptors = _descriptors(daemon)
        await _raise(daemon, limit)
        await daemon.logged("trouble_over", what="spool_not_watched")
        assert _descriptors(daemon) - descriptors <= 3  # of one watcher
        second.publish(site.spool)
        await daemon.settled(second.name)
    assert told.fields["error"].endswith(says)
    assert "found every 3600 s by the rescan" in told.fields["action"]
    assert daemon.events.count("spool_not_watched") == 1


def _with_a_limit(limit: str, number: int) -> tuple[str, ...]:
    script = f'echo {number} > /proc/sys/user/{limit}; exec "$@"'
    return ("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh")


async def _raise(daemon: DaemonProcess, limit: str) -> None:
    inside = ("nsenter", "--target", str(daemon.process.pid), "--user", "--preserve-credentials")
    done = await finished((*inside, "sh", "-c", f"echo 100 > /proc/sys/user/{limit}"), dict(os.environ))
    assert done.code == 0, done.err


def _descriptors(daemon: DaemonProcess) -> int:
    return len(os.listdir(Path(f"/proc/{daemon.process.pid}/fd")))
