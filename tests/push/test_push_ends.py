"""Ways for a push to end before all is done, each with its exit code and a word on how to go on."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from archives import archive, bytes_below, bytes_in, push, pushing, received

from huracan_spool.content_hash import content_hash
from huracan_spool.emulator import Emulator, Fault
from huracan_spool.ledger import LEDGER, open_ledger
from support.runs import Run, make_run, only
from support.site import COMMAND, Site
from support.trees import remote
from support.waiting import eventually, within

APPEND = "files/upload_session/append_v2"
FINISH = "files/upload_session/finish_batch_v2"
PIECE = 4 * 1024 * 1024


def large_run() -> Run:
    """A model in seven pieces."""
    run = make_run()
    return replace(run, contents={**run.contents, "model": random.Random(1).randbytes(6 * PIECE + 5)})


@pytest.fixture
def narrow(connected: Site) -> Site:
    """Two pieces of a large file travel side by side."""
    connected.settings |= {"upload.chunk_size": "4MiB", "upload.connections": "3"}
    return connected


async def test_a_killed_push_goes_on_in_the_middle_of_a_large_file(narrow: Site, dropbox: Emulator) -> None:
    run = large_run()
    await archive(narrow.archive, [run])
    held = dropbox.faults.add(Fault(route=APPEND, kind="hold", call=5, times=None))
    async with pushing(narrow) as killed:
        await within(held.reached.wait(), "a piece that is held")
        killed.signal(signal.SIGKILL)
        await killed.ended()
    dropbox.faults.clear()
    before, noted = len(dropbox.calls), _noted_pieces(narrow, run.contents["model"])

    done = await push(narrow)

    assert done.code == 0
    assert bytes_in(dropbox) == bytes_below(narrow.archive)
    assert noted > 0
    assert received(dropbox, before) < len(run.contents["model"]) - noted * PIECE + 100_000


def _noted_pieces(site: Site, model: bytes) -> int:
    ledger = open_ledger(site.state / "push" / LEDGER)
    session = ledger.load_session(content_hash(model))
    ledger.close()
    assert session
    return len(session.done)


async def test_killed_at_any_request_the_next_push_leaves_the_same_tree(connected: Site, dropbox: Emulator) -> None:
    runs = [make_run(hour, symbol=symbol) for hour in range(3) for symbol in ("SOL/USDT", "BTC/USDT")]
    await archive(connected.archive, runs)
    for call in range(3, 40, 3):
        held = dropbox.faults.add(Fault(route="*", kind="hold", call=call))
        async with pushing(connected) as killed:
            over = asyncio.create_task(killed.process.wait())
            reached = asyncio.create_task(held.reached.wait())
            await within(asyncio.wait([over, reached], return_when=asyncio.FIRST_COMPLETED), f"request {call}")
            reached.cancel()
        dropbox.faults.clear()  # what was held takes effect after its sender's death
        await over

    assert (await push(connected)).code == 0
    assert bytes_in(dropbox) == bytes_below(connected.archive)
    assert not [write for write in dropbox.writes if write.op in {"overwrite", "delete"}]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
async def test_a_signal_ends_it_and_it_says_how_to_go_on(
    narrow: Site, dropbox: Emulator, number: signal.Signals, code: int
) -> None:
    small = make_run(0, symbol="BTC/USDT")
    await archive(narrow.archive, [small, large_run()])
    held = dropbox.faults.add(Fault(route=APPEND, kind="hold", call=5, times=None))
    async with pushing(narrow, "--json") as stopped:
        await within(held.reached.wait(), "a piece that is held")
        stopped.signal(number)
        done = await stopped.ended()
    dropbox.faults.clear()

    assert (done.code, "Traceback" in done.err) == (code, False)
    assert "huracan-spool push goes on from here" in done.err
    assert done.json["ended_because"].startswith(f"stopped by {number.name}")
    assert (await push(narrow)).code == 0
    assert bytes_in(dropbox) == bytes_below(narrow.archive)


async def test_a_second_push_leaves_the_field_to_the_first(connected: Site, dropbox: Emulator) -> None:
    await archive(connected.archive, [make_run()])
    held = dropbox.faults.add(Fault(route=FINISH, kind="hold"))
    async with pushing(connected) as first:
        await within(held.reached.wait(), "a commit that is held")

        second = await push(connected)

        assert (second.code, "another push is under way" in second.err) == (75, True)
        held.release()
        assert (await first.ended()).code == 0


def no_room(entries: int) -> dict[str, Any]:
    full = {".tag": "path", "path": {".tag": "insufficient_space"}}
    return {"route": FINISH, "kind": "entries", "entries": dict.fromkeys(range(entries), full)}


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ({"route": "*", "kind": "auth", "tag": "invalid_access_token"}, 77, "huracan-spool auth login"),
        ({"route": APPEND, "kind": "auth", "tag": "missing_scope"}, 77, "App Console"),
        (no_room(20), 75, "the Dropbox account is full"),
    ],
    ids=["log-in refused", "scope missing", "account full"],
)
async def test_what_only_a_person_can_mend_ends_it_at_once(
    connected: Site, dropbox: Emulator, fault: dict[str, Any], code: int, says: str
) -> None:
    connected.settings["upload.chunk_size"] = "4MiB"
    await archive(connected.archive, [large_run()])
    dropbox.faults.add(Fault(times=None, **fault))

    done = await push(connected, "--json")

    assert (done.code, says in done.err, says in done.json["ended_because"]) == (code, True, True)
    assert done.json["pushed"] == []
    dropbox.faults.clear()
    assert (await push(connected)).code == 0
    assert bytes_in(dropbox) == bytes_below(connected.archive)


async def test_a_run_that_dropbox_refuses_fails_alone(connected: Site, dropbox: Emulator) -> None:
    refused, taken = only(make_run(), "metrics"), only(make_run(0, symbol="BTC/USDT"), "metrics")
    await archive(connected.archive, [taken])
    await push(connected)
    await archive(connected.archive, [refused])
    name = {".tag": "path", "path": {".tag": "disallowed_name"}}
    dropbox.faults.add(Fault(route=FINISH, kind="entries", entries={0: name}, times=None))

    done = await push(connected, "--json")

    assert (done.code, done.json["already_there"], done.json["broken"]) == (1, 1, [])
    [failed] = done.json["failed"]
    assert (failed["run"], failed["may_pass"], "does not take this path" in failed["reason"]) == (
        *(refused.name, False, True),
    )


async def test_without_a_log_in_there_is_nowhere_to_push_to(site: Site) -> None:
    done = await push(site)

    assert (done.code, "huracan-spool auth login" in done.err) == (78, True)


async def test_an_archive_that_may_not_be_read_is_no_empty_one(connected: Site) -> None:
    await archive(connected.archive, [make_run()])
    training = connected.archive / "models" / "training"
    training.chmod(0)

    done = await connected.command(
        "push", "--config", str(connected.config), wrapper=("setpriv", "--bounding-set=-all")
    )

    training.chmod(0o755)
    assert (done.code, str(training) in done.err, "daemon's user" in done.err) == (77, True, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_root_does_not_push_in_the_daemons_place(connected: Site) -> None:
    """What it left in the state directory the daemon's user could not use."""
    await archive(connected.archive, [make_run()])
    os.chown(connected.state, 65534, 65534)

    done = await push(connected)

    assert (done.code, "sudo -u nobody huracan-spool push" in done.err) == (77, True)
    assert not (connected.state / "push").exists()


async def test_a_wrong_date_is_a_usage_error(connected: Site) -> None:
    done = await push(connected, "--since", "yesterday")

    assert (done.code, "2025-11-12" in done.err) == (64, True)


async def test_a_terminal_shows_how_far_it_is_and_why_it_waits(
    connected: Site, dropbox: Emulator, tmp_path: Path
) -> None:
    connected.settings |= {"retry.call_first": "0.1s", "retry.call_max": "0.2s"}
    await archive(connected.archive, [make_run(hour) for hour in (0, 20)])
    outage = dropbox.faults.add(Fault(route="*", kind="refuse", times=None))
    held = dropbox.faults.add(Fault(route=FINISH, kind="hold"))
    shown, slave = pty.openpty()
    os.set_blocking(shown, False)
    seen = bytearray()

    def look(what: bytes) -> bool:
        while True:
            try:
                seen.extend(os.read(shown, 65536))
            except (BlockingIOError, OSError):  # nothing more, or nobody writes any more
                return what in seen

    with (tmp_path / "out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "push", "--config", str(connected.config), "--json"),
            env=connected.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=slave,
        )
    os.close(slave)
    await eventually(lambda: look(b"waits: "), "the reason to wait")
    dropbox.faults.remove(outage.number)
    await eventually(lambda: look(b"of 2 folders, 0 runs pushed"), "how far it is")
    held.release()
    assert await within(process.wait(), "the end of a push") == 0
    os.close(shown)

    assert len(json.loads((tmp_path / "out").read_bytes())["pushed"]) == 2
    assert remote(dropbox)
