"""Listening, on a host where the address may be taken and strangers may connect."""

from __future__ import annotations

import asyncio
import select
import signal
import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from asking import Asking, watched

from huracan_spool.http import surface
from support.in_process import serving
from support.runs import make_run
from support.site import Site
from support.waiting import eventually, within

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_a_taken_port_is_one_warning_and_taken_when_it_is_free(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, "TRY_AGAIN", 0.02)
    run = make_run()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site.settings["http.listen"] = f"127.0.0.1:{port}"
        async with serving(site) as running:
            await running.logged("http_not_listening")
            run.publish(site.spool)
            await running.logged("temp_files_cleaned_up")
            taken.close()
            line = await running.logged("http_listening")
            alive = await Asking(line.fields["address"]).get("/healthz")
    assert (alive.status, line.fields["address"]) == (200, f"http://127.0.0.1:{port}/")
    [warning] = running.lines("http_not_listening")
    assert (warning.level, warning.fields["error"]) == ("warning", "Address already in use")


async def test_a_port_is_free_again_at_once(site: Site) -> None:
    """A connection that was open at the end does not keep the next daemon from its address."""
    async with watched(site) as (_, asking):
        site.settings["http.listen"] = asking.address.removeprefix("http://").rstrip("/")
        host, _, port = site.settings["http.listen"].rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
    async with watched(site) as (daemon, again):
        assert again.address == asking.address
        assert (await again.get("/healthz")).status == 200
    assert "http_not_listening" not in daemon.events
    writer.close()


async def test_a_unix_socket_is_for_the_group_and_goes_with_the_daemon(site: Site) -> None:
    path = site.home / "http.sock"
    site.settings["http.listen"] = str(path)
    async with serving(site) as running:
        await running.logged("http_listening")
        mode = path.stat().st_mode
        page = await Asking(str(path)).get("/", headers={"Host": "spool.example"})  # as a reverse proxy may
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode), page.status) == (True, 0o660, 200)
    assert not path.exists()


async def test_the_socket_of_a_daemon_that_was_killed_is_replaced(site: Site) -> None:
    path = site.home / "http.sock"
    site.settings["http.listen"] = str(path)
    async with watched(site) as (daemon, _):
        await daemon.killed()
    assert path.exists()
    async with watched(site) as (_, asking):
        assert (await asking.get("/healthz")).status == 200


async def test_a_socket_that_is_in_use_and_a_file_are_left_alone(site: Site, tmp_path: Path) -> None:
    used, file = tmp_path / "used.sock", tmp_path / "file"
    file.write_text("precious")
    with socket.socket(socket.AF_UNIX) as owner:
        owner.bind(str(used))
        owner.listen()
        for path in (used, file):
            site.settings["http.listen"] = str(path)
            async with serving(site) as running:
                await running.logged("http_not_listening")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(used))
    assert file.read_text() == "precious"


async def test_off_is_off(site: Site) -> None:
    site.settings["http.listen"] = "off"
    async with serving(site) as running:
        assert running.lines("http_listening") == []


async def test_strangers_take_no_more_than_a_few_connections(site: Site) -> None:
    site.settings["http.listen"] = str(site.home / "http.sock")
    async with serving(site) as running:
        address = (await running.logged("http_listening")).fields["address"]
        held = [await asyncio.open_unix_connection(address) for _ in range(surface.MOST_CONNECTIONS)]
        reader, writer = await asyncio.open_unix_connection(address)
        assert await within(reader.read(), "a refusal", REFUSED_WITHIN) == b""
        writer.close()
        for _, each in held:
            each.close()
        await within(_served(address), "a free place")


REFUSED_WITHIN = surface.LONGEST_CONNECTION / 2  # by then nothing else would have ended the connection


async def _served(address: str) -> None:
    """Returns when a request is answered."""
    answered = b""
    while not answered:
        reader, writer = await asyncio.open_unix_connection(address)
        with suppress(ConnectionError):
            writer.write(REQUEST)
            answered = await reader.read(1)
        writer.close()


SENT = {"nothing": b"", "half a request": REQUEST[:-2], "much, and reads nothing": REQUEST * 2000}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT.keys())
async def test_no_connection_is_held_for_long(site: Site, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """By then the descriptor is free again, whether the other side has closed or not."""
    monkeypatch.setattr(surface, "LONGEST_CONNECTION", 0.2)
    path = site.home / "http.sock"
    site.settings["http.listen"] = str(path)
    async with serving(site) as running:
        await running.logged("http_listening")
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.setblocking(False)
            stranger.connect(str(path))
            stranger.send(sent)
            await eventually(lambda: _is_hung_up(stranger), "an end")


def _is_hung_up(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, 0)
    return bool(poll.poll(0))


async def test_connections_do_not_hold_up_the_end(site: Site) -> None:
    """One that is kept alive, one in the middle of a request, and one that reads none of its answers."""
    async with watched(site) as (daemon, asking):
        host, _, port = asking.address.removeprefix("http://").rstrip("/").rpartition(":")
        writers = []
        for sent in (REQUEST, REQUEST[:-2], REQUEST * 5000):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(sent)
            writers.append(writer)
            if sent == REQUEST:
                await reader.readuntil(b"process_max_fds ")
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0
    assert daemon.events[-1] == "daemon_stopped"
    for writer in writers:
        writer.close()
