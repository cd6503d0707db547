"""Files that change in the daemon's hands: each run ends as promised, with the bytes that its producer published.

Either it is uploaded, and then the store holds exactly what was published, or it failed, and then all that was left
of its files is in quarantine. What took a file's place is nobody's business but its owner's: it stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from huracan_spool.emulator import Emulator, Fault
from support.daemon_process import DaemonProcess
from support.inspections import inspections_held
from support.runs import Run, make_run, only
from support.site import Site
from support.trees import Tree, archived, expected, remote, without_records
from support.waiting import eventually, within

SEND = "files/upload_session/append_v2"
COMMIT = "files/upload_session/finish_batch_v2"
# More than a socket takes in one go, so that much of it is still to be read when the line stands still.
LARGE, SMALL = 15_000_000, 20_000


@dataclass(frozen=True)
class Change:
    """What befalls the model; `stays` when something lies in its place then that is not what was sent."""

    name: str
    act: Callable[[Path], object]
    stays: bool


def _replace(path: Path) -> None:
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(b"PK\x03\x04 something else")
    fresh.rename(path)


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _rewrite(path: Path) -> None:
    """The same length; the time of the change is all that tells."""
    with path.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"XXXX")


def _shrink(path: Path) -> None:
    os.truncate(path, 1000)


def _swap(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        path.unlink()
        make(path)

    return act


def _link_to_shadow(path: Path) -> None:
    path.symlink_to("/etc/shadow")


CHANGES = (
    Change("replaced", _replace, stays=True),
    Change("grown", _grow, stays=True),
    Change("rewritten", _rewrite, stays=True),
    Change("shrunk", _shrink, stays=True),
    Change("deleted", Path.unlink, stays=False),
    Change("renamed", lambda path: path.rename(path.with_name(f".{path.name}")), stays=False),
    Change("closed", lambda path: path.chmod(0), stays=False),
    Change("linked", _swap(_link_to_shadow), stays=True),
    Change("fifo", _swap(os.mkfifo), stays=True),
    Change("folder", _swap(Path.mkdir), stays=True),
)


def _runs(model_bytes: int) -> dict[str, Run]:
    """One for each change, each of another symbol and with another model: none waits for another."""
    base = only(make_run(0), "model", "trades")
    return {
        change.name: replace(
            base,
            name=change.name,
            symbol=f"C{number}/USDT",
            contents=base.contents | {"model": bytes([number]) * model_bytes},
        )
        for number, change in enumerate(CHANGES)
    }


async def test_files_that_change_while_they_are_inspected(site: Site) -> None:
    site.settings["upload.workers"] = "16"
    runs, first = _runs(SMALL), make_run(1)
    async with site.daemon() as daemon:
        first.publish(site.spool)
        await daemon.settled(first.name)
        with inspections_held(daemon) as held:
            for run in runs.values():
                run.drop(site.spool)
            await held.wait_for(len(runs))
            _change_all(site, runs)
        await _all_end(daemon, runs)
    failed = {"grown": "size_mismatch", "rewritten": "sha256_mismatch", "shrunk": "size_mismatch"}
    _check(site, runs, failed, archived(site.archive), besides=[first])


async def test_files_that_change_while_they_are_sent(connected: Site, dropbox: Emulator) -> None:
    """Their first bytes are on the line, their last are not."""
    runs = await _changed_at(connected, dropbox, SEND, LARGE)
    _check(connected, runs, {"rewritten": "sha256_mismatch", "shrunk": "size_mismatch"}, remote(dropbox))


async def test_files_that_change_while_their_commit_is_under_way(connected: Site, dropbox: Emulator) -> None:
    """All their bytes are across."""
    runs = await _changed_at(connected, dropbox, COMMIT, SMALL, arrived=True)
    _check(connected, runs, {}, remote(dropbox))


async def _changed_at(
    site: Site, dropbox: Emulator, route: str, model_bytes: int, *, arrived: bool = False
) -> Mapping[str, Run]:
    site.settings["upload.workers"] = "16"
    runs = _runs(model_bytes)
    held = dropbox.faults.add(Fault(route=route, kind="hold", times=None))
    async with site.daemon() as daemon:
        for run in runs.values():
            run.drop(site.spool)
        await within(held.reached.wait(), "the call")
        for run in runs.values():
            await daemon.logged("starting_comprehensive_dropbox_upload", run=run.name)
        if arrived:
            await eventually(
                lambda: _contents_across(dropbox) == len(runs) * len(("model", "trades", "record")), daemon
            )
        _change_all(site, runs)
        held.release()
        await _all_end(daemon, runs)
    return runs


def _contents_across(dropbox: Emulator) -> int:
    appends = [call.argument for call in dropbox.calls if "append" in call.route and call.status == HTTPStatus.OK]
    return sum(piece["close"] for argument in appends for piece in argument.get("entries", [argument]))


def _change_all(site: Site, runs: Mapping[str, Run]) -> None:
    for change in CHANGES:
        change.act(site.spool / runs[change.name].file("model"))


async def _all_end(daemon: DaemonProcess, runs: Mapping[str, Run]) -> None:
    await eventually(lambda: runs.keys() <= _ended(daemon), daemon)


def _ended(daemon: DaemonProcess) -> set[str]:
    return {line.fields["run"] for line in daemon.lines if line.event in {"temp_files_cleaned_up", "run_failed"}}


def _check(
    site: Site, runs: Mapping[str, Run], failed: Mapping[str, str], tree: Tree, besides: Sequence[Run] = ()
) -> None:
    assert {name: site.receipt(name).get("code") for name in runs} == {name: failed.get(name) for name in runs}
    uploaded = [run for run in runs.values() if run.name not in failed]
    digests = {run.name: site.receipt(run.name)["digest"] for run in (*uploaded, *besides)}
    assert without_records(tree) == expected([*uploaded, *besides], digests)
    assert site.in_failed() == {
        name: {runs[name].manifest_file, *runs[name].files.values(), "reason.json"} for name in failed
    }
    strange = {runs[change.name].file("model") for change in CHANGES if change.stays and change.name not in failed}
    assert site.in_spool() == strange | {f".{runs['renamed'].file('model')}"}
