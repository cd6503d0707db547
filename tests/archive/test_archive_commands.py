"""The commands, as a shell and a deployment script use them."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import random
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept_runs import Kept, KeptInDropbox

from huracan_spool.emulator import Fault
from huracan_spool.manifest import Kind
from huracan_spool.record import rfc3339
from support.mounts import small_disk
from support.planting import Planted
from support.site import COMMAND
from support.waiting import eventually_sync

RUN = Planted(
    files={Kind.MODEL: b"weights", Kind.TRADES: b"a\n1\n"}, metrics={"sharpe_ratio": 1.5, "win_rate": 0.5}
)
OLD = Planted(trained_at="2025-11-12T08:00:00Z", metrics={"sharpe_ratio": 1.0, "other": "x"}, superseded=True)
NEXT = Planted(trained_at="2025-11-13T08:00:00Z", metrics={"sharpe_ratio": 2.0})


def test_runs_is_a_table_with_the_metrics_that_matter(kept: Kept) -> None:
    kept.plant(RUN, OLD, NEXT)

    shown = kept.command("runs").out.splitlines()

    assert shown[0].split() == ["symbol", "date", "trained_at", "superseded", "win_rate", "sharpe_ratio"]
    assert [line.split()[:3] for line in shown[1:]] == [
        ["SOL-USDT", "2025-11-12", "2025-11-12T08:00:00Z"],
        ["SOL-USDT", "2025-11-12", "2025-11-12T16:49:20Z"],
        ["SOL-USDT", "2025-11-13", "2025-11-13T08:00:00Z"],
    ]
    assert "other" in kept.command("runs", "--all").out
    assert kept.command("runs", "--latest-only", "--metric", "sharpe_ratio").out.count("\n") == 3


def test_runs_for_machines(kept: Kept) -> None:
    kept.plant(RUN, OLD)

    rows = kept.command("runs", "sol/usdt", "--json").json
    table = list(csv.DictReader(io.StringIO(kept.command("runs", "--csv").out)))

    assert [row["sharpe_ratio"] for row in rows] == [1.0, 1.5]
    assert rows[1]["trained_at"] == "2025-11-12T16:49:20Z"
    assert [row["kinds"] for row in table] == ["metrics", "model metrics trades"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["runs", "SOL//USDT"], "such as SOL/USDT"),
        (["runs", "--since", "12.11.2025"], "no date such as 2025-11-12"),
        (["runs", "--metric", "sharp"], "no run has a metric sharp"),
        (["pull", "SOL/USDT"], "name a day"),
        (["latest", "SOL/USDT", "--max-age", "soon"], "a duration"),
        (["cache", "prune", "--to", "much"], "a size such as"),
    ],
)
def test_what_is_not_understood_is_explained(here: Kept, arguments: list[str], says: str) -> None:
    here.plant(RUN)

    done = here.command(*arguments)

    assert (done.code, done.out) == (64, "")
    assert says in done.err


def test_runs_can_be_watched(in_dropbox: KeptInDropbox) -> None:
    in_dropbox.plant(RUN)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, "runs", "--watch", "--json"], env=in_dropbox.environ, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    with os.fdopen(reader) as lines, process:
        assert json.loads(lines.readline())["sharpe_ratio"] == 1.5
        in_dropbox.plant(NEXT)
        assert json.loads(lines.readline())["sharpe_ratio"] == 2.0
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


def test_latest_prints_a_place_and_fetches_a_model(kept: Kept) -> None:
    kept.plant(RUN, NEXT)

    assert kept.command("latest", "SOL/USDT").out == NEXT.folder + "\n"
    model = kept.command("latest", "SOL/USDT", "--model-only")
    assert Path(model.out.strip()).read_bytes() == b"weights"
    target = kept.home / "serving/model.bin"
    assert kept.command("latest", "SOL/USDT", "--model-only", "--to", str(target)).out == f"{target}\n"
    assert target.read_bytes() == b"weights"


def test_latest_fails_where_there_is_none_or_only_an_old_one(kept: Kept) -> None:
    now = datetime.now(UTC)
    kept.plant(Planted(trained_at=rfc3339(now - timedelta(hours=3))))

    none, old = kept.command("latest", "ADA/USDT"), kept.command("latest", "SOL/USDT", "--max-age", "2h")

    assert (none.code, none.out, old.code, old.out) == (1, "", 1, "")
    assert "no run of ADA-USDT" in none.err
    assert "was trained at" in old.err
    assert kept.command("latest", "SOL/USDT", "--max-age", "4h").code == 0
    assert kept.command("latest", "SOL/USDT", "--model-only").code == 1


def test_pull_prints_the_folders(kept: Kept) -> None:
    kept.plant(RUN, OLD, NEXT)

    one = kept.command("pull", "SOL/USDT", "2025-11-12", "--to", str(kept.home / "one"))
    many = kept.command("pull", "SOL/USDT", "--since", "2025-11-12", "--superseded", "--json", cwd=kept.home)

    assert one.out == f"{kept.home}/one/SOL-USDT_20251112_164920\n"
    assert [Path(kept.home / row["path"]).is_dir() for row in many.json] == [True] * 3
    none = kept.command("pull", "SOL/USDT", "2024-01-01")
    assert (none.code, none.out) == (1, "")


def test_a_store_that_cannot_be_asked_ends_with_a_code_and_what_to_do(in_dropbox: KeptInDropbox) -> None:
    in_dropbox.plant(RUN)
    in_dropbox.emulator.expire_tokens()
    refused = in_dropbox.command("runs")
    in_dropbox.settings |= {f"dropbox.{kind}_url": "https://127.0.0.1:1" for kind in ("api", "content", "oauth")}
    silent = in_dropbox.command("latest", "SOL/USDT")

    assert (refused.code, silent.code) == (77, 69)
    assert "auth" in refused.err
    assert "127.0.0.1" in silent.err
    assert "Traceback" not in refused.err + silent.err


def test_a_first_look_that_is_interrupted_keeps_what_it_has_read(in_dropbox: KeptInDropbox) -> None:
    days = range(10, 16)
    in_dropbox.plant(*(Planted(trained_at=f"2025-11-{day}T08:00:00Z", metrics={"day": day}) for day in days))
    held = in_dropbox.emulator.faults.add(Fault(route="files/download", kind="hold", call=4))
    process = subprocess.Popen(
        [*COMMAND, "runs"], env=in_dropbox.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    eventually_sync(lambda: sum(call.ended is not None for call in in_dropbox.calls("download")) == len(days) - 1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    in_dropbox.emulator.faults.remove(held.number)
    again = in_dropbox.command("runs", "--json")

    assert process.returncode == 130
    assert b"Traceback" not in said
    assert [row["day"] for row in again.json] == list(days)
    assert len(in_dropbox.calls("download")) == len(days) + 1


def test_a_full_disk_is_told_and_goes_on_when_there_is_room(in_dropbox: KeptInDropbox) -> None:
    in_dropbox.plant(Planted(files={Kind.MODEL: random.Random(1).randbytes(6_000_000)}), NEXT)
    target = in_dropbox.home / "small"
    with small_disk(target, 4_000_000):
        one = in_dropbox.command("pull", "SOL/USDT", "2025-11-12", "--to", str(target))
        many = in_dropbox.command("pull", "SOL/USDT", "--since", "2025-11-01", "--to", str(target))
        subprocess.run(["mount", "-o", "remount,size=20000000", str(target)], check=True)
        again = in_dropbox.command("pull", "SOL/USDT", "--since", "2025-11-01", "--to", str(target))
        pulled = again.out.split()

    assert (one.code, many.code, again.code) == (75, 75, 0)
    assert "No space left on device" in one.err
    assert "No space left on device" in many.err
    assert "Traceback" not in one.err + many.err
    assert len(pulled) == 2


def test_offline_is_said_and_what_is_known_is_shown(in_dropbox: KeptInDropbox) -> None:
    in_dropbox.plant(RUN)
    online = in_dropbox.command("runs")
    in_dropbox.emulator.faults.add(Fault(route="*", kind="refuse", times=None))

    offline = in_dropbox.command("runs")

    assert (offline.code, offline.out) == (0, online.out)
    assert offline.err.startswith("offline: ")


def test_the_cache_is_shown_and_emptied(in_dropbox: KeptInDropbox) -> None:
    in_dropbox.plant(RUN)
    in_dropbox.command("latest", "SOL/USDT", "--model-only")

    info = in_dropbox.command("cache", "info", "--json").json
    pruned = in_dropbox.command("cache", "prune")

    assert (info["files"], info["bytes"]) == (1, len(b"weights"))
    assert pruned.out == "1 files with 7 bytes removed\n"
    assert in_dropbox.command("cache", "info", "--json").json["files"] == 0


def test_a_terminal_sees_how_far_it_is(in_dropbox: KeptInDropbox) -> None:
    in_dropbox.plant(RUN)
    # Between the first byte and the last, for what is over at once has no progress.
    in_dropbox.emulator.faults.add(Fault(route="files/download", kind="delay", call=2, seconds=0.3))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "latest", "SOL/USDT", "--model-only"],
        env=in_dropbox.environ,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    seen: list[bytes] = []
    while part := _read(ours):
        seen.append(part)
    os.close(ours)
    eventually_sync(lambda: process.poll() is not None)

    assert process.returncode == 0
    assert b"fetching model.bin" in b"".join(seen)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 1000)
    except OSError:  # the last writer is gone
        return b""
