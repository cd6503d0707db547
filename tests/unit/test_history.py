"""The receipts as a list: newest first, chosen, and read without believing in any of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from huracan_spool.cli.history import history
from huracan_spool.manifest import Kind
from huracan_spool.receipt import FAILED, UPLOADED, ArtifactReceipt, Receipt
from huracan_spool.spool.files import Identity
from support.site import Site

ARTIFACT = ArtifactReceipt("m.pt", Identity(1, 2, 3, 4), ("/m",), 1_500_000, "ab" * 32, "cd" * 32)
SOL = Receipt(
    run="sol",
    status=UPLOADED,
    manifest_sha256="ef" * 32,
    manifest=Identity(1, 5, 6, 7),
    settled_at="2025-11-12T16:58:06Z",
    symbol="SOL/USDT",
    trained_at="2025-11-12T16:49:20Z",
    artifacts={Kind.MODEL: ARTIFACT, Kind.METRICS: ARTIFACT},
    attempts=2,
    bytes_sent=4_000_000,
    queued_at="2025-11-12T16:57:01Z",
)
OLD = replace(SOL, run="old", settled_at="2025-11-11T10:00:00Z", queued_at=None, superseded=True)
BAD = Receipt(
    run="bad",
    status=FAILED,
    manifest_sha256=None,
    manifest=None,
    settled_at="2025-11-12T17:30:00Z",
    symbol="BTC/USDT",
    queued_at="2025-11-12T17:29:58Z",
    code="size_mismatch",
    reason="'m.pt' has 3 bytes,\n\x1b[31mthe manifest says 4",
)


@pytest.fixture
def host(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    (site.spool / "receipts").mkdir(parents=True)
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    return site


def write(host: Site, *receipts: Receipt) -> None:
    for receipt in receipts:
        (host.spool / "receipts" / f"{receipt.run}.json").write_bytes(receipt.to_json())


def asked(host: Site, *options: str) -> Result:
    return CliRunner().invoke(history, ["--config", str(host.config), *options])


def listed(host: Site, *options: str) -> list[Any]:
    done = asked(host, "--json", *options)
    assert done.exit_code == 0, done.output
    found: list[Any] = json.loads(done.stdout)
    return found


def test_newest_first_with_all_that_a_line_says(host: Site) -> None:
    write(host, OLD, SOL, BAD)

    assert [each["run"] for each in listed(host)] == ["bad", "sol", "old"]
    assert listed(host)[1] == {
        "settled_at": "2025-11-12T16:58:06Z",
        "run": "sol",
        "symbol": "SOL/USDT",
        "trained_at": "2025-11-12T16:49:20Z",
        "status": "uploaded",
        "superseded": False,
        "bytes": 3_000_000,
        "bytes_sent": 4_000_000,
        "attempts": 2,
        "seconds": 65.0,
        "code": None,
        "reason": None,
    }


def test_a_line_for_each_run_whatever_its_reason_holds(host: Site) -> None:
    write(host, OLD, SOL, BAD)

    done = asked(host)

    why = "size_mismatch: 'm.pt' has 3 bytes, [31mthe manifest says 4"
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"2025-11-12T17:30:00Z  failed    BTC/USDT  bad       0 B        2 s  {why}",
        "2025-11-12T16:58:06Z  uploaded  SOL/USDT  sol   3.00 MB      1 min",
        "2025-11-11T10:00:00Z  uploaded  SOL/USDT  old   3.00 MB          -  superseded",
    ]


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        (("--symbol", "sol-usdt"), ["sol", "old"]),
        (("--since", "2025-11-12"), ["bad", "sol"]),
        (("--failed",), ["bad"]),
        (("--limit", "2"), ["bad", "sol"]),
        (("--failed", "--symbol", "SOL/USDT"), []),
    ],
)
def test_runs_are_chosen(host: Site, options: tuple[str, ...], runs: list[str]) -> None:
    write(host, OLD, SOL, BAD)

    assert [each["run"] for each in listed(host, *options)] == runs


def test_what_is_no_receipt_is_passed_over(host: Site, tmp_path: Path) -> None:
    write(host, SOL)
    folder = host.spool / "receipts"
    (folder / "garbage.json").write_text("{")
    (folder / "odd.json").write_bytes(replace(SOL, run="odd", settled_at="soon").to_json())
    (folder / "number.json").write_bytes(SOL.to_json().replace(b'"2025-11-12T16:58:06Z"', b"7"))
    (folder / ".sol.tmp").write_bytes(BAD.to_json())
    (tmp_path / "elsewhere").write_bytes(BAD.to_json())
    (folder / "link.json").symlink_to(tmp_path / "elsewhere")
    (folder / "folder.json").mkdir()

    assert [each["run"] for each in listed(host)] == ["sol"]


@pytest.mark.parametrize("gone", ["receipts", "."])
def test_nothing_settled_is_no_error(host: Site, gone: str) -> None:
    (host.spool / "receipts").rmdir()
    if gone == ".":
        host.spool.rmdir()

    done = asked(host)

    assert (done.exit_code, "no such runs" in done.stdout) == (0, True)
    assert listed(host) == []


@pytest.mark.parametrize("what", [".", "sol.json"])
async def test_who_may_not_read_them_is_told_so(site: Site, what: str) -> None:
    (site.spool / "receipts").mkdir(parents=True)
    write(site, SOL)
    (site.spool / "receipts" / what).chmod(0)

    done = await site.command("history", "--config", str(site.config), wrapper=("setpriv", "--bounding-set=-all"))

    (site.spool / "receipts" / what).chmod(0o700)
    assert (done.code, "join the group huracan" in done.err) == (77, True)
