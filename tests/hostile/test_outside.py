"""Nothing outside the spool is read, followed or deleted: the kernel itself tells of every touch."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.bad_runs import STRANGER
from support.canaries import untouched
from support.daemon_process import DaemonProcess
from support.runs import Run, make_run, only
from support.site import Site

SECRET = "the token of somebody else"


@pytest.fixture
def outside(site: Site) -> Path:
    """A folder beside the spool, with a secret, a folder, a stranger's model, and a valid manifest in it."""
    folder = site.home / "outside"
    (folder / "folder").mkdir(parents=True)
    (folder / "folder" / "model.pt").write_text(SECRET)
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    (folder / "strangers.pt").write_text(SECRET)
    os.chown(folder / "strangers.pt", STRANGER, STRANGER)
    (folder / "run.manifest.json").write_text(json.dumps(only(make_run(), "metrics").manifest()))
    return folder


# A link in the place of an artifact, as what it says.
LINKS: dict[str, Callable[[Path], str]] = {
    "absolute": lambda outside: str(outside / "secret"),
    "relative": lambda _: "../outside/secret",
    "to-a-folder": lambda outside: str(outside / "folder"),
    "through-a-folder": lambda outside: str(outside / "folder" / "model.pt"),
    "dangling": lambda outside: str(outside / "nothing"),
    "to-itself": lambda _: "to-itself_model.pt",
    "to-shadow": lambda _: "/etc/shadow",
    "to-memory": lambda _: "/proc/self/mem",
    "to-a-descriptor": lambda _: "/proc/self/fd/1",
    "to-the-token": lambda outside: str(outside.parent / "config.yaml"),
}


async def test_no_link_is_followed_and_the_links_themselves_go_to_quarantine(site: Site, outside: Path) -> None:
    good, base = make_run(1), only(make_run(0), "model", "trades")
    runs = {name: replace(base, name=name) for name in LINKS}
    async with site.daemon() as daemon:
        with untouched(outside):
            for name, run in runs.items():
                (site.spool / run.file("model")).symlink_to(LINKS[name](outside))
                only(run, "trades").drop(site.spool, run.manifest())
            await _refused(daemon, site, dict.fromkeys(runs, "not_regular"))
            good.publish(site.spool)
            await daemon.settled(good.name)
    for name, run in runs.items():
        assert site.in_failed()[name] == {run.manifest_file, run.file("model"), run.file("trades"), "reason.json"}
        assert os.readlink(site.spool / "failed" / name / run.file("model")) == LINKS[name](outside)
    assert SECRET not in daemon.log


async def test_a_manifest_that_is_a_link_names_nothing(site: Site, outside: Path) -> None:
    """It leads to a manifest whose artifact lies ready."""
    metrics = only(make_run(), "metrics")
    async with site.daemon() as daemon:
        with untouched(outside):
            (site.spool / metrics.file("metrics")).write_bytes(metrics.contents["metrics"])
            (site.spool / metrics.manifest_file).symlink_to(outside / "run.manifest.json")
            await _refused(daemon, site, {metrics.name: "not_regular"})
    assert site.in_failed() == {metrics.name: {metrics.manifest_file, "reason.json"}}
    assert site.in_spool() == {metrics.file("metrics")}


async def test_discarding_and_retrying_failed_runs_follows_no_link_either(site: Site, outside: Path) -> None:
    base = only(make_run(0), "model")
    runs = [replace(base, name=name) for name in ("kept", "discarded")]
    async with site.daemon() as daemon:
        for run in runs:
            (site.spool / run.file("model")).symlink_to(outside / "folder")
            (site.spool / run.manifest_file).write_text(json.dumps(run.manifest()))
        await _refused(daemon, site, {run.name: "not_regular" for run in runs})
    with untouched(outside):
        assert (await site.command("failed", "show", "kept")).code == 0
        assert (await site.command("failed", "retry", "kept")).code == 0
        assert (await site.command("failed", "discard", "--yes", "discarded")).code == 0
    assert site.in_spool() == {runs[0].file("model"), runs[0].manifest_file}
    assert site.in_failed() == {}


async def test_a_hard_link_to_a_strangers_file_is_opened_and_not_read(site: Site, outside: Path) -> None:
    """Only the open file can be asked for its owner. It stays where it is: it is the stranger's."""
    run = make_run()
    async with site.daemon() as daemon:
        (site.spool / run.file("model")).hardlink_to(outside / "strangers.pt")
        with untouched(outside / "strangers.pt", ". was opened"):
            for kind in set(run.contents) - {"model"}:
                (site.spool / run.file(kind)).write_bytes(run.contents[kind])
            (site.spool / run.manifest_file).write_text(json.dumps(_any_size(run)))
            await _refused(daemon, site, {run.name: "wrong_owner"})
    assert site.in_spool() == {run.file("model")}
    assert site.reason(run.name)["left_in_spool"] == {
        run.file("model"): f"belongs to another user ({STRANGER})",
    }
    assert (outside / "strangers.pt").read_text() == SECRET


@pytest.mark.parametrize("name", ["failed", "receipts"])
async def test_the_daemons_own_folder_swapped_for_a_link_ends_it_for_now(
    site: Site, outside: Path, name: str
) -> None:
    """Nobody but the daemon's user can do that. Until it is noticed, the work goes on in the old folder."""
    good, bad = make_run(1), replace(only(make_run(0), "trades"), name="bad")
    async with site.daemon() as daemon:
        with untouched(outside):
            (site.spool / name).rename(site.home / "old")
            (site.spool / name).symlink_to(outside / "folder")
            good.publish(site.spool)
            bad.drop(site.spool, bad.manifest() | {"symbol": "-"})
            assert await daemon.ended() == 75
    assert f"{site.spool / name} can't be used as the daemon's folder" in daemon.lines[-1].fields["reason"]


async def _refused(daemon: DaemonProcess, site: Site, codes: dict[str, str]) -> None:
    for name in codes:
        await daemon.logged("run_failed", run=name)
    assert {name: site.reason(name)["code"] for name in codes} == codes


def _any_size(run: Run) -> dict[str, object]:
    return run.manifest() | {"artifacts": run.files}
