"""What a daemon is killed in the middle of, at which instants, and what must be true after the next one.

A process runs a scene once undisturbed, with `killer.c` loaded, which writes down every call that changes something
below the host's folder; the emulator writes down every request. Those are the instants. Nobody lists them by hand,
so a new step can't be forgotten.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crash.disk import Disk, FileSystem
from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from support.daemon_process import DaemonProcess
from support.runs import Run, make_run
from support.site import Site
from support.trees import archived, expected, records, remote, without_records
from support.waiting import eventually

KILLER = Path(__file__).with_name("killer.c")
Moment = Literal["call", "torn write", "request", "answer", "power"]


@dataclass(frozen=True)
class Instant:
    """The `number`-th call or request; `what` it is, without what differs from one time to the next."""

    moment: Moment
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.moment} {self.number} {self.what}"


@dataclass(frozen=True)
class Scene:
    """Runs that lie in the spool when the daemon starts. The broken ones belong into quarantine."""

    name: str
    uses_dropbox: bool
    runs: Callable[[], Sequence[Run]]
    broken: frozenset[str] = frozenset()


def _broken() -> Run:
    good = make_run(0)
    return Run(good.name, good.symbol, good.trained_at, good.contents | {"candles": b"PAR1 and no more"})


SCENES = (
    Scene("dropbox", uses_dropbox=True, runs=lambda: [make_run(0)]),
    Scene("dropbox, two of a day", uses_dropbox=True, runs=lambda: [make_run(1), make_run(0)]),
    Scene("archive", uses_dropbox=False, runs=lambda: [make_run(0)]),
    Scene("archive, two of a day", uses_dropbox=False, runs=lambda: [make_run(1), make_run(0)]),
    Scene("quarantine", uses_dropbox=False, runs=lambda: [_broken()], broken=frozenset({make_run(0).name})),
)


@dataclass(frozen=True)
class Stage:
    """A fresh host and a fresh Dropbox with the runs of a scene in the spool."""

    scene: Scene
    runs: Sequence[Run]
    site: Site
    dropbox: Emulator | None
    killer: Path
    disk: Disk | None = None

    @property
    def log(self) -> Path:
        return self.killer.parent / f"calls of {self.scene.name}"

    def wrapper(self, instant: Instant | None = None, unflushed: str = "") -> tuple[str, ...]:
        """Starts the daemon so that it dies at a call; without one it only writes its calls down."""
        settings = [f"LD_PRELOAD={self.killer}", f"CRASH_BELOW={self.site.home}"]
        if instant is None:
            return ("env", *settings, f"CRASH_LOG={self.log}")
        how = {"torn write": ["CRASH_TORN=1"], "power": ["CRASH_POWER=1"]}.get(instant.moment, [])
        how += [f"CRASH_NO_FSYNC={unflushed}"] if unflushed else []
        return ("env", *settings, *how, f"CRASH_AT={instant.number}")

    def is_over(self, daemon: DaemonProcess) -> bool:
        """Whether the daemon has ended, or has nothing left to do."""
        last = "run_failed" if self.scene.broken else "temp_files_cleaned_up"
        return daemon.process.returncode is not None or daemon.events.count(last) == len(self.runs)


def folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def compiled(into: Path) -> Path:
    killer = into / "killer.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", killer, KILLER, "-ldl"], check=True)
    return killer


@asynccontextmanager
async def staged(
    scene: Scene, home: Path, killer: Path, *, on_disk: FileSystem | None = None
) -> AsyncIterator[Stage]:
    """`home` is an empty folder; the host lies in it, or on a disk that can lose its power."""
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(Disk(home, on_disk)) if on_disk else None
        site = Site((disk.mounted if disk else home) / "host", {"spool.settle": "0.05s", "retry.run_first": "0.1s"})
        dropbox = None
        if scene.uses_dropbox:
            options = EmulatorOptions(http=None, root=home / "dropbox")
            dropbox = await stack.enter_async_context(Emulator(options))
            site.connect(dropbox)
            site.settings["upload.calls_per_second"] = "1000"
        site.spool.mkdir(mode=0o770)
        runs = scene.runs()
        for run in runs:
            run.drop(site.spool)
        if disk is not None:
            os.sync()
        yield Stage(scene, runs, site, dropbox, killer, disk)


async def instants(scene: Scene, home: Path, killer: Path) -> list[Instant]:
    """All of them, in order, as an undisturbed daemon has them."""
    async with staged(scene, home, killer) as stage:
        async with stage.site.launched(*stage.wrapper()) as daemon:
            await eventually(lambda: stage.is_over(daemon), daemon)
        check(stage)
        found = []
        for number, line in enumerate(stage.log.read_text().splitlines(), 1):
            what = _general(line)
            found.append(Instant("call", number, what))
            if what.startswith("write "):
                found.append(Instant("torn write", number, what))
            found.append(Instant("power", number, what))
        for number, request in enumerate(stage.dropbox.calls if stage.dropbox else (), 1):
            found += [Instant("request", number, request.route), Instant("answer", number, request.route)]
        return found


_GENERAL = (
    (r"[0-9a-f]{8,}|[0-9]+", "#"),
    (r"(model|metrics|features|candles|trades|training_metrics|training_#)\b[^/]*", "ARTIFACT"),
    (r"(archive/Huracan)/(models|data|\.incoming)\b.*", r"\1/\2"),
    (r"(ledger\.sqlite)\S*", r"\1"),
)


def _general(line: str) -> str:
    for pattern, instead in _GENERAL:
        line = re.sub(pattern, instead, line)
    return line


async def survive(
    scene: Scene,
    instant: Instant,
    home: Path,
    killer: Path,
    unflushed: str = "",
    file_system: FileSystem = "ext4",
) -> bool:
    """Kill a daemon at an instant, let the next one finish, and look. False when the instant did not come.

    What lies under a path with `unflushed` in it is not flushed before the power goes.
    """
    on_disk = file_system if instant.moment == "power" else None
    async with staged(scene, home, killer, on_disk=on_disk) as stage:
        died = await _life(stage, instant, unflushed)
        if stage.disk is not None:  # whatever `died` says: the power may have gone after the last line of the log
            stage.disk.start_again()
        if stage.dropbox is not None:
            stage.dropbox.faults.clear()  # a request that was held takes effect after its sender's death
        async with stage.site.daemon() as daemon:
            await eventually(lambda: not stage.site.in_spool(), daemon)
            daemon.signal(signal.SIGTERM)  # what is under way comes to its end
            await daemon.ended()
        check(stage)
        return died


async def _life(stage: Stage, instant: Instant, unflushed: str) -> bool:
    held, wrapper = None, stage.wrapper(instant, unflushed)
    if instant.moment in {"request", "answer"} and stage.dropbox is not None:
        after = instant.moment == "answer"
        held = stage.dropbox.faults.add(Fault(route="*", kind="hold", call=instant.number, after_effect=after))
        wrapper = ()

    async with stage.site.launched(*wrapper) as daemon:
        await eventually(lambda: (held is not None and held.reached.is_set()) or stage.is_over(daemon), instant)
        return daemon.process.returncode is not None or (held is not None and held.reached.is_set())


def check(stage: Stage) -> None:
    """The store has every run, whole and once; the spool has receipts; nothing lies about."""
    site, good = stage.site, [run for run in stage.runs if run.name not in stage.scene.broken]
    assert site.receipts() == {run.name for run in stage.runs}
    receipts = {run.name: site.receipt(run.name) for run in stage.runs}
    for run in stage.runs:
        wanted = "failed" if run.name in stage.scene.broken else "uploaded"
        assert receipts[run.name]["status"] == wanted, receipts[run.name]
    digests = {run.name: receipts[run.name]["digest"] for run in good}
    if stage.dropbox is not None:
        assert without_records(remote(stage.dropbox)) == expected(good, digests)
        assert records(stage.dropbox) == digests
        assert not [write for write in stage.dropbox.writes if write.op in {"overwrite", "delete"}]
    elif good:
        assert without_records(archived(site.archive)) == expected(good, digests)
    kept = {f"{run.published.stamp}_{run.file('model')}": run.contents["model"] for run in good}
    assert {path.rpartition("/")[2]: data for path, data in site.kept_models().items()} == kept
    quarantined = {run.name: {*run.files.values(), run.manifest_file, "reason.json"} for run in stage.runs}
    assert site.in_failed() == {name: quarantined[name] for name in stage.scene.broken}
    assert not _leftovers(site), _leftovers(site)


def _leftovers(site: Site) -> set[str]:
    """Hidden files, and files in hidden folders, are unfinished ones, but for locks."""
    files = (path.relative_to(site.home) for path in site.home.rglob("*") if not path.is_dir())
    hidden = (path for path in files if any(part.startswith(".") for part in path.parts))
    return {path.as_posix() for path in hidden if path.name != ".lock"}
