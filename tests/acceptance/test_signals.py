"""What signals do to a daemon that has something in its hands."""

from __future__ import annotations

import signal
from contextlib import suppress

from huracan_spool.emulator import Emulator, Fault
from support.daemon_process import DaemonProcess
from support.runs import make_run
from support.site import Site
from support.strace import failing
from support.waiting import eventually, within

COMMIT = "files/upload_session/finish_batch_v2"
NO_EVENTS = failing("inotify_init,inotify_init1", "EMFILE")


async def test_term_lets_what_is_under_way_end(connected: Site, dropbox: Emulator) -> None:
    held = dropbox.faults.add(Fault(route=COMMIT, kind="hold"))
    first, second = make_run(0), make_run(0, symbol="BTC/USDT")
    async with connected.daemon() as daemon:
        first.publish(connected.spool)
        await within(held.reached.wait(), "the commit")
        daemon.signal(signal.SIGTERM)
        await daemon.logged("daemon_stopping", signal="SIGTERM")
        second.publish(connected.spool)  # too late: it stays
        held.release()
        assert await daemon.ended() == 0
    assert daemon.lines[-1].has("daemon_stopped", {"settled": "1", "cut_short": "0"})
    assert connected.receipts() == {first.name}
    assert connected.in_spool() == {second.manifest_file, *second.files.values()}


async def test_term_leaves_what_does_not_end_in_time_for_the_next_start(connected: Site, dropbox: Emulator) -> None:
    connected.settings["upload.drain_timeout"] = "0s"
    held = dropbox.faults.add(Fault(route=COMMIT, kind="hold"))
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        await within(held.reached.wait(), "the commit")
        daemon.signal(signal.SIGINT)
        assert await daemon.ended() == 0
    assert daemon.lines[-1].has("daemon_stopped", {"settled": "0", "cut_short": "1"})
    assert connected.receipts() == set()
    held.release()
    async with connected.daemon() as daemon:
        await daemon.settled(run.name)
    assert daemon.complaints == []
    assert connected.receipt(run.name)["status"] == "uploaded"


async def test_a_second_term_ends_it_at_once(connected: Site, dropbox: Emulator) -> None:
    connected.settings["upload.drain_timeout"] = "1h"
    held = dropbox.faults.add(Fault(route=COMMIT, kind="hold"))
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        await within(held.reached.wait(), "the commit")
        daemon.signal(signal.SIGTERM)
        await daemon.logged("daemon_stopping")
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0
    assert daemon.events[-1] == "leaving_at_once"
    assert connected.in_spool() == {run.manifest_file, *run.files.values()}


async def test_signals_while_it_ends_change_nothing(site: Site) -> None:
    async with site.daemon() as daemon:
        daemon.signal(signal.SIGTERM)
        await daemon.logged("daemon_stopped")
        await eventually(lambda: _has_ended(daemon, signal.SIGUSR1), daemon)
        assert await daemon.ended() == 0


def _has_ended(daemon: DaemonProcess, number: signal.Signals) -> bool:
    """And if it has not, it gets a signal."""
    with suppress(ProcessLookupError):
        daemon.signal(number)
    return daemon.process.returncode is not None


async def test_hup_takes_a_new_configuration(connected: Site, dropbox: Emulator) -> None:
    held = dropbox.faults.add(Fault(route=COMMIT, kind="hold"))
    first, second = make_run(0), make_run(1)
    async with connected.daemon() as daemon:
        first.publish(connected.spool)
        await within(held.reached.wait(), "the commit")
        connected.config.write_text(connected.config.read_text().replace("Huracan", "Elsewhere"))
        daemon.signal(signal.SIGHUP)
        await daemon.logged("configuration_reloaded")
        held.release()
        await daemon.logged_times(2, "daemon_ready")
        second.publish(connected.spool)
        await daemon.settled(first.name, second.name)
    assert {path.split("/")[1] for path in connected.receipt(first.name)["artifacts"]["model"]["paths"]} == {
        "Huracan"
    }
    assert {path.split("/")[1] for path in connected.receipt(second.name)["artifacts"]["model"]["paths"]} == {
        "Elsewhere"
    }
    assert daemon.complaints == []


async def test_hup_keeps_the_old_configuration_when_the_new_one_is_wrong(connected: Site) -> None:
    run = make_run()
    async with connected.daemon() as daemon:
        connected.config.write_text("upload:\n  workers: many\n  speed: 3\n")
        daemon.signal(signal.SIGHUP)
        refused = await daemon.logged("configuration_refused")
        run.publish(connected.spool)
        await daemon.settled(run.name)
    assert len(refused.fields["problems"]) == 2
    assert daemon.events.count("daemon_starting") == 1


async def test_hup_keeps_the_old_configuration_when_the_new_one_can_not_be_used(connected: Site) -> None:
    """It reads well, but names a spool that everybody may write to, and then certificates that are not there."""
    run = make_run()
    open_to_all = connected.home / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    good = connected.config.read_text()
    connected.settings["spool.path"] = ""
    connected.config.write_text(f"{good}spool:\n  path: {connected.spool}\n")
    async with connected.daemon() as daemon:
        connected.config.write_text(f"{good}spool:\n  path: {open_to_all}\n")
        daemon.signal(signal.SIGHUP)
        refused = await daemon.logged("configuration_refused")
        run.publish(connected.spool)
        await daemon.settled(run.name)
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0
    assert "writable by everybody" in refused.text


async def test_usr1_looks_at_the_spool_and_makes_what_waits_due(connected: Site, dropbox: Emulator) -> None:
    connected.settings |= {"spool.rescan_interval": "1h", "retry.run_first": "1h", "retry.run_max": "1h"}
    connected.settings |= {"retry.call_first": "0.001s", "retry.call_max": "0.001s"}
    dropbox.faults.add(Fault(route=COMMIT, kind="server_error", times=None))
    run = make_run()
    async with connected.daemon(*NO_EVENTS) as daemon:
        run.publish(connected.spool)
        daemon.signal(signal.SIGUSR1)
        await daemon.logged("run_waits", run=run.name)
        dropbox.faults.clear()

        def settled() -> bool:
            daemon.signal(signal.SIGUSR1)  # again: the line is written just before the wait begins
            return run.name in connected.receipts()

        await eventually(settled, daemon)


async def test_usr1_during_a_pause_asks_the_store_at_once(connected: Site, dropbox: Emulator) -> None:
    """A person who has mended the account does not want to wait for the next probe."""
    dropbox.faults.add(Fault(route="*", kind="auth", tag="invalid_access_token", times=None))
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        paused = await daemon.logged("uploads_paused")
        dropbox.faults.clear()
        daemon.signal(signal.SIGUSR1)
        resumed = await daemon.logged("uploads_resumed")
        await daemon.settled(run.name)
    assert float(paused.fields["next_try_seconds"]) > 20 > float(resumed.fields["paused_seconds"])


async def test_signals_while_starting_are_not_lost(connected: Site) -> None:
    async with connected.launched() as daemon:
        await daemon.logged("daemon_starting")
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0


async def test_a_daemon_whose_reader_is_gone_goes_on(connected: Site) -> None:
    run = make_run()
    async with connected.daemon() as daemon:
        _hang_up(daemon)
        run.publish(connected.spool)
        await eventually(lambda: connected.receipts() == {run.name}, "a receipt")
        await connected.empty()
        daemon.signal(signal.SIGTERM)
        assert await within(daemon.process.wait(), "the end") == 0


def _hang_up(daemon: DaemonProcess) -> None:
    """Close the pipe that the daemon logs to."""
    transport = daemon.process._transport.get_pipe_transport(1)
    transport.close()
