"""A real daemon as those who look after it see it, over HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest
from asking import Asking, watched

from huracan_spool.emulator import Emulator, Fault
from huracan_spool.samples import Size
from support.runs import make_run, only
from support.site import Site, finished
from support.waiting import within

APPEND = "files/upload_session/append_v2"
PIECE = 4 * 1024 * 1024
LARGE = Size(model_bytes=5 * PIECE, candles=20, trades=3)

NEVER_AGAIN = {
    "retry.call_first": "0.001s",
    "retry.call_max": "0.001s",
    "retry.run_first": "1h",
    "retry.run_max": "1h",
}


async def test_what_is_done_is_counted_and_told(connected: Site, tmp_path: Path) -> None:
    """The scrape is held against Prometheus' own linter, and /status against the command's JSON."""
    runs = [make_run(number) for number in range(3)]
    async with watched(connected) as (daemon, asking):
        for run in runs:
            run.publish(connected.spool)
        await daemon.settled(*(run.name for run in runs))
        make_run(5).drop(connected.spool, b"{}")
        await daemon.logged("run_failed")
        scrape = await asking.get("/metrics")
        status = await asking.get("/status")
        ready = await asking.get("/readyz")
        alive = await asking.get("/healthz")
        page = await asking.get("/")
        command = await connected.command("status", "--json", "--config", str(connected.config))
    assert (alive.status, alive.text, ready.status, ready.text) == (
        200,
        "ok\n",
        200,
        "ok spool\nok store\nok daemon\n",
    )
    _check_counts(scrape.samples, sum(len(data) for run in runs for data in run.contents.values()))
    assert scrape.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    (tmp_path / "scrape").write_text(scrape.text)
    linted = await finished(("sh", "-c", f"promtool check metrics < {tmp_path / 'scrape'}"), dict(os.environ))
    assert (linted.code, linted.err) == (0, "")
    told = status.json
    assert {key: told[key] for key in command.json} == command.json
    assert (told["ready"], told["under_way"], told["since_start"]["uploaded"]) == (True, [], 3)
    assert all(run.name in page.text for run in runs)
    token = connected.config.read_text().split('"')[1]
    assert token not in scrape.text + status.text + page.text + ready.text + daemon.log


def _check_counts(samples: dict[str, float], size: int) -> None:
    expected = {
        'huracan_spool_runs_settled_total{result="uploaded"}': 3,
        'huracan_spool_runs_settled_total{result="failed"}': 1,
        'huracan_spool_run_failures_total{code="bad_manifest"}': 1,
        "huracan_spool_run_duration_seconds_count": 3,
        "huracan_spool_run_age_seconds_count": 3,
        "huracan_spool_quarantined_runs": 1,
        "huracan_spool_pending_runs": 0,
        "huracan_spool_oldest_pending_age_seconds": 0,
        "huracan_spool_uploaded_bytes_total": size,
        'huracan_spool_paused{reason="person"}': 0,
        "huracan_spool_ready": 1,
    }
    assert {name: samples[name] for name in expected} == expected
    assert samples["huracan_spool_sent_bytes_total"] >= size
    assert samples['huracan_spool_api_calls_total{route="files/upload_session/finish_batch_v2",outcome="ok"}'] >= 1
    assert samples["huracan_spool_last_success_timestamp_seconds"] > samples["process_start_time_seconds"]


async def test_no_run_and_no_symbol_is_ever_a_label(connected: Site) -> None:
    run = make_run(symbol="UNIQUE/WORD")
    async with watched(connected) as (daemon, asking):
        run.publish(connected.spool)
        await daemon.settled(run.name)
        scrape = await asking.get("/metrics")
    assert not re.search("unique|word", scrape.text, re.IGNORECASE)


async def test_a_pause_shows_everywhere_with_what_to_do(connected: Site, dropbox: Emulator) -> None:
    dropbox.faults.add(Fault(route="*", kind="auth", tag="invalid_access_token", times=None))
    async with watched(connected) as (daemon, asking):
        make_run().publish(connected.spool)
        await daemon.logged("uploads_paused")
        ready, scrape, status = [await asking.get(path) for path in ("/readyz", "/metrics", "/status")]
        page = await asking.get("/")
        alive = await asking.get("/healthz")
    assert (alive.status, ready.status) == (200, 503)
    assert "fail store: " in ready.text
    assert all("new token" in answer.text for answer in (ready, status, page))
    samples = scrape.samples
    assert (
        samples['huracan_spool_paused{reason="person"}'],
        samples['huracan_spool_paused{reason="network"}'],
    ) == (1, 0)
    assert (samples["huracan_spool_ready"], samples['huracan_spool_pauses_total{reason="person"}']) == (0, 1)
    assert samples["huracan_spool_oldest_pending_age_seconds"] > 0
    assert status.json["paused"]["hint"]


async def test_progress_is_seen_while_a_body_travels(connected: Site) -> None:
    connected.settings |= {"upload.bandwidth_limit": "1MiB/s", "spool.inspection": "off"}
    run = only(make_run(size=LARGE), "model")
    async with watched(connected) as (_, asking):
        run.publish(connected.spool)
        await asking.until(lambda told: told["under_way"] and 0 < told["under_way"][0]["bytes_out"] < PIECE)


async def test_what_had_arrived_before_a_restart_counts_as_out(connected: Site, dropbox: Emulator) -> None:
    connected.settings |= {"upload.chunk_size": "4MiB", "upload.connections": "1", "spool.inspection": "off"}
    run = only(make_run(size=LARGE), "model")
    third = dropbox.faults.add(Fault(route=APPEND, kind="hold", call=3, times=None))
    async with watched(connected) as (daemon, _):
        run.publish(connected.spool)
        await within(third.reached.wait(), "the third call: one may be the record's")
        await daemon.killed()
    dropbox.faults.clear()
    dropbox.faults.add(Fault(route=APPEND, kind="hold", times=None))
    async with watched(connected) as (_, asking):
        await asking.until(lambda told: told["under_way"] and told["under_way"][0]["bytes_out"] >= PIECE)


async def test_a_run_that_waits_shows_why_and_until_when(connected: Site, dropbox: Emulator) -> None:
    connected.settings |= NEVER_AGAIN
    dropbox.faults.add(Fault(route="files/upload_session/finish_batch_v2", kind="server_error", times=None))
    run = make_run()
    async with watched(connected) as (daemon, asking):
        run.publish(connected.spool)
        await daemon.logged("run_waits")
        status = await asking.until(lambda told: told["waiting"])
        scrape, page = await asking.get("/metrics"), await asking.get("/")
    [waits] = status["waiting"]
    assert (waits["run"], waits["attempts"]) == (run.name, 1)
    samples = scrape.samples
    assert (samples["huracan_spool_delayed_runs"], samples["huracan_spool_run_retries_total"]) == (1, 1)
    outcome = 'huracan_spool_api_calls_total{route="files/upload_session/finish_batch_v2",outcome="server_error"}'
    assert samples[outcome] > 0
    assert run.name in page.text


async def test_too_many_calls_are_counted_as_such(connected: Site, dropbox: Emulator) -> None:
    dropbox.faults.add(
        Fault(route="files/upload_session/finish_batch_v2", kind="rate_limit", retry_after=0, times=2)
    )
    run = make_run()
    async with watched(connected) as (daemon, asking):
        run.publish(connected.spool)
        await daemon.settled(run.name)
        samples = (await asking.get("/metrics")).samples
    route = "files/upload_session/finish_batch_v2"
    assert samples[f'huracan_spool_api_calls_total{{route="{route}",outcome="rate_limited"}}'] == 2
    assert samples["huracan_spool_api_retries_total"] == 2


async def test_a_refreshed_token_says_when_it_ends(connected: Site, dropbox: Emulator) -> None:
    connected.config.write_text(
        f'dropbox:\n  refresh_token: "{dropbox.refresh_token}"\n  app_key: "{dropbox.app_key}"\n'
    )
    run = make_run()
    async with watched(connected) as (daemon, asking):
        run.publish(connected.spool)
        await daemon.settled(run.name)
        samples = (await asking.get("/metrics")).samples
    assert samples["huracan_spool_token_expiry_timestamp_seconds"] > samples["process_start_time_seconds"] + 600
    assert samples['huracan_spool_api_calls_total{route="oauth2/token",outcome="ok"}'] == 1


async def test_the_local_archive_tells_its_space(site: Site) -> None:
    run = make_run()
    async with watched(site) as (daemon, asking):
        run.publish(site.spool)
        await daemon.settled(run.name)
        samples = (await asking.get("/metrics")).samples
        status = (await asking.get("/status")).json
    assert samples["huracan_spool_store_size_bytes"] > samples["huracan_spool_store_free_bytes"] > 0
    assert samples["huracan_spool_sent_bytes_total"] > 0
    assert status["store"] == f"local archive {site.state / 'archive'}"


async def test_only_get_only_here_and_only_these(site: Site) -> None:
    async with watched(site) as (_, asking):
        posted = await asking.get("/", "POST")
        headed = await asking.get("/healthz", "HEAD")
        lost = await asking.get("/etc/passwd")
        rebound = await asking.get("/status", headers={"Host": "evil.example:9478"})
        tunnelled = await asking.get("/status", headers={"Host": "localhost:19478"})
        page = await asking.get("/?anything")
    assert (posted.status, posted.headers["Allow"], headed.status, lost.status) == (405, "GET", 405, 404)
    assert (rebound.status, tunnelled.status) == (421, 200)
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|url\(|@import""", page.text)


async def test_totals_go_on_over_a_reload_and_last_runs_over_a_restart(site: Site) -> None:
    first, second = make_run(0), make_run(1)
    async with watched(site) as (daemon, asking):
        first.publish(site.spool)
        await daemon.settled(first.name)
        daemon.signal(signal.SIGHUP)
        again = (await daemon.logged_times(2, "http_listening"))[1].fields["address"]
        await daemon.logged_times(2, "daemon_ready")
        second.publish(site.spool)
        await daemon.settled(second.name)
        reloaded = (await Asking(again).get("/status")).json
    async with watched(site) as (_, asking):
        restarted = (await asking.get("/status")).json
        samples = (await asking.get("/metrics")).samples
    assert reloaded["since_start"]["uploaded"] == 2
    assert restarted["since_start"]["uploaded"] == 0
    assert [run["run"] for run in restarted["recent"]] == [second.name, first.name]
    assert samples["huracan_spool_last_success_timestamp_seconds"] > 0


async def test_what_is_under_way_shows_while_the_daemon_drains(connected: Site, dropbox: Emulator) -> None:
    """Stopping is when people look: what is it still doing?"""
    dropbox.faults.add(Fault(route="files/upload_session/finish_batch_v2", kind="hold", times=None))
    run = make_run()
    async with watched(connected) as (daemon, asking):
        run.publish(connected.spool)
        await asking.until(lambda told: [run["stage"] for run in told["under_way"]] == ["committing"])
        daemon.signal(signal.SIGTERM)
        await daemon.logged("daemon_stopping")
        status = (await asking.get("/status")).json
        ready = await asking.get("/readyz")
        page = await asking.get("/")
    [seen] = status["under_way"]
    size = sum(map(len, run.contents.values()))
    assert (seen["run"], seen["symbol"], seen["bytes"], seen["bytes_out"]) == (run.name, run.symbol, size, size)
    assert (status["stopping"], ready.status) == (True, 503)
    assert "committing" in page.text


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + b"A" * 20000]
)
async def test_garbage_is_no_news(site: Site, garbage: bytes) -> None:
    async with watched(site) as (daemon, asking):
        host, port = asking.address.removeprefix("http://").rstrip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(garbage + b"\r\n\r\n")
        await reader.read()
        writer.close()
        alive = await asking.get("/healthz")
    assert (alive.status, daemon.events[-1], daemon.stderr) == (200, "daemon_ready", "")
