"""The daemon's life on a host where things go wrong: the spool, the watcher, the account, the network."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from huracan_spool import gate
from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from support.in_process import serving
from support.runs import make_run
from support.site import Site
from support.strace import failing
from support.waiting import eventually

NEVER = "1h"
IMPATIENT = {"upload.calls_per_second": "1000", "retry.call_first": "0.01s", "retry.call_max": "0.02s"}


async def test_without_events_the_rescan_finds_the_runs(connected: Site) -> None:
    connected.settings["spool.rescan_interval"] = "0.2s"
    run = make_run()
    async with connected.daemon(*failing("inotify_init,inotify_init1", "EMFILE")) as daemon:
        await daemon.logged("spool_not_watched")
        run.publish(connected.spool)
        await daemon.settled(run.name)


async def test_with_events_no_rescan_is_needed(connected: Site) -> None:
    connected.settings["spool.rescan_interval"] = NEVER
    async with connected.daemon() as daemon:
        for run in (make_run(0), make_run(1)):
            run.publish(connected.spool)
            await daemon.settled(run.name)


async def test_a_dead_watcher_is_replaced(connected: Site) -> None:
    connected.settings["spool.rescan_interval"] = NEVER
    run = make_run()
    async with serving(connected) as running:
        watcher = running.service._watcher
        assert watcher is not None
        watcher._observer.unschedule_all()
        await running.logged("watcher_died")
        run.publish(connected.spool)
        await running.logged("temp_files_cleaned_up")


async def test_a_flood_of_events_that_overflows_the_kernels_queue_hides_no_run(connected: Site) -> None:
    """Each file is two events; the queue holds `max_queued_events` of them while the daemon is stopped."""
    connected.settings["spool.rescan_interval"] = NEVER
    room = _queued_events()
    run = make_run()
    async with connected.daemon() as daemon:
        daemon.signal(signal.SIGSTOP)
        for number in range(room // 2 + 10):
            (connected.spool / f".{number}").touch()
        run.publish(connected.spool)
        daemon.signal(signal.SIGCONT)
        await daemon.settled(run.name)


def _queued_events() -> int:
    return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


async def test_a_deleted_spool_is_made_again_and_a_reload_takes_it_too(connected: Site) -> None:
    first, second, third = make_run(0), make_run(1), make_run(2)
    async with connected.daemon() as daemon:
        first.publish(connected.spool)
        await daemon.settled(first.name)
        shutil.rmtree(connected.spool)
        await daemon.logged("spool_replaced")
        second.publish(connected.spool)
        await daemon.settled(second.name)
        daemon.signal(signal.SIGHUP)
        await daemon.logged_times(2, "daemon_ready")
        third.publish(connected.spool)
        await daemon.settled(third.name)
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0


async def test_a_spool_made_anew_by_somebody_who_may_is_followed(connected: Site) -> None:
    run = make_run()
    async with connected.daemon() as daemon:
        connected.spool.rename(connected.home / "away")
        connected.spool.mkdir(mode=0o770)
        await daemon.logged("spool_replaced")
        run.publish(connected.spool)
        await daemon.settled(run.name)


async def test_a_spool_replaced_by_a_link_ends_the_daemon_for_now(connected: Site) -> None:
    elsewhere = connected.home / "elsewhere"
    async with connected.daemon() as daemon:
        connected.spool.rename(elsewhere)
        connected.spool.symlink_to(elsewhere)
        assert await daemon.ended() == 75
    assert "link" in daemon.lines[-1].fields["reason"]


async def test_a_second_daemon_says_who_was_first(connected: Site) -> None:
    async with connected.daemon() as first:
        async with connected.launched() as second:
            assert await second.ended() == 75
        connected.settings["state_dir"] = str(connected.home / "another-state")
        async with connected.launched() as third:
            assert await third.ended() == 75
    pid = first.process.pid
    assert f"the state directory {connected.state} is in use by another daemon (pid {pid})" in second.stderr
    assert f"the spool {connected.spool} is in use by another daemon (pid {pid})" in third.stderr
    assert [daemon.lines[-1].event for daemon in (second, third)] == ["daemon_ended", "daemon_ended"]


async def test_a_revoked_token_is_told_once_and_its_return_is_noticed(
    connected: Site, dropbox: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gate.FIRST_PAUSE, True, 0.2)
    runs = [make_run(number) for number in range(3)]
    async with serving(connected) as running:
        dropbox.faults.add(Fault(route="*", kind="auth", tag="invalid_access_token", times=None))
        for run in runs:
            run.publish(connected.spool)
        paused = await running.logged("uploads_paused")
        before = len(dropbox.calls)
        await eventually(lambda: len(dropbox.calls) > before + 2, "more probes")
        dropbox.faults.clear()
        await running.logged("temp_files_cleaned_up", times=3)
    assert len(running.lines("uploads_paused")) == 1
    assert len(running.lines("uploads_resumed")) == 1
    assert "new token" in paused.fields["action"]
    assert connected.receipts() == {run.name for run in runs}


async def test_a_full_account_is_told_once_and_its_space_is_noticed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gate.FIRST_PAUSE, True, 0.2)
    runs = [make_run(number) for number in range(3)]
    options = EmulatorOptions(http=None, root=tmp_path / "dropbox", quota_bytes=100_000)
    async with Emulator(options) as dropbox:
        dropbox.put("/holiday.jpg", bytes(99_000))
        site.connect(dropbox)
        site.settings |= IMPATIENT
        async with serving(site) as running:
            for run in runs:
                run.publish(site.spool)
            paused = await running.logged("uploads_paused")
            before = len(dropbox.calls)
            await eventually(lambda: len(dropbox.calls) > before + 10, "more tries")
            dropbox.put("/holiday.jpg", b"")
            await running.logged("temp_files_cleaned_up", times=3)
    assert len(running.lines("uploads_paused")) == 1
    assert "full" in paused.fields["action"]
    assert site.in_failed() == {}


async def test_a_network_that_is_down_is_told_once_and_its_return_is_noticed(site: Site, tmp_path: Path) -> None:
    """The same port throughout, and an account that is empty when it comes back."""
    first, *others = (make_run(number, symbol=f"S{number}/USDT") for number in range(4))
    options = EmulatorOptions(https=None, root=tmp_path / "dropbox", token="the-same-token")
    async with Emulator(options) as dropbox:
        site.connect(dropbox)
        url = str(dropbox.http_url)
        site.settings |= {f"dropbox.{name}_url": url for name in ("api", "content", "oauth")}
        del site.settings["dropbox.ca_file"]
        site.settings |= IMPATIENT
        context = site.daemon()
        daemon = await context.__aenter__()
        first.publish(site.spool)
        await daemon.settled(first.name)
    try:
        for run in others:
            run.publish(site.spool)
        await daemon.logged("uploads_paused")
        port = int(url.rpartition(":")[2])
        async with Emulator(
            EmulatorOptions(http=("127.0.0.1", port), https=None, root=tmp_path / "again", token="the-same-token")
        ):
            await daemon.settled(*(run.name for run in others))
            await daemon.logged("uploads_resumed")
    finally:
        await context.__aexit__(None, None, None)
    assert [line.event for line in daemon.lines if line.level == "warning"] == ["spool_is_odd", "uploads_paused"]
    assert daemon.events.count("uploads_resumed") == 1


async def test_a_file_system_that_refuses_to_sync_loses_nothing(connected: Site) -> None:
    run = make_run()
    async with connected.daemon(*failing("fsync", "EIO")) as daemon:
        run.publish(connected.spool)
        waits = await daemon.logged("run_waits", run=run.name)
    assert "Input/output error" in waits.fields["reason"]
    assert connected.in_spool() == {run.manifest_file, *run.files.values()}
