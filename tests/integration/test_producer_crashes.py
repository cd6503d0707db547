"""A hand-over that is killed, or interrupted, at any step: whole and visible, or not visible and nothing lost."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from producer_child import run_code

from huracan_spool import RunWriter, export_coin_results, producer
from huracan_spool.spool import files
from support.strace import killing

RUN = "SOL_USDT_20251112_164920"
AT = "2025-11-12T16:49:20Z"
FILES = {"model": b"weights" * 1000, "trades": b"a,b\n1,2\n"}
SUFFIXES = {"model": ".pt", "trades": ".csv"}

# Every call that changes something on disk, by the name strace knows it by.
CALLS = (
    *("mkdir", "mkdirat", "link", "linkat", "write", "sendfile", "fsync", "chmod", "fchmod", "fchmodat", "fchown"),
    *("fchownat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir"),
)
TRACED = (os.path.dirname(producer.__file__), files.__file__)


class Host:
    """A spool, and the files of a training: on the spool's file system, or on another one."""

    def __init__(self, home: Path, out: Path) -> None:
        self.spool = home / "spool"
        self.out = out
        self.spool.mkdir()
        self.spool.chmod(0o3770)
        out.mkdir()
        for kind, data in FILES.items():
            self.original(kind).write_bytes(data)
            self.original(kind).chmod(0o600)

    def original(self, kind: str) -> Path:
        return self.out / f"{kind}{SUFFIXES[kind]}"

    def export(self) -> str | None:
        paths = {f"{kind}_path": self.original(kind) for kind in FILES}
        return export_coin_results("SOL/USDT", AT, **paths).run

    def manifests(self) -> list[Path]:
        return sorted(self.spool.glob("[!.]*.manifest.json"))

    def whole(self, manifest: Path) -> bool:
        """Whether the daemon would find all that a manifest declares."""
        declared: dict[str, Any] = json.loads(manifest.read_bytes())["artifacts"]
        return declared.keys() == FILES.keys() and all(
            self._as_declared(kind, artifact) for kind, artifact in declared.items()
        )

    def _as_declared(self, kind: str, artifact: dict[str, Any]) -> bool:
        file = self.spool / artifact["file"]
        data = file.read_bytes()
        declared = (artifact["size"], artifact["sha256"])
        readable = bool(file.stat().st_mode & 0o040)
        return readable and data == FILES[kind] and declared == (len(data), hashlib.sha256(data).hexdigest())

    def originals_are_there(self) -> bool:
        return all(path.exists() and path.read_bytes() == FILES[kind] for kind, path in self._originals())

    def _originals(self) -> Iterator[tuple[str, Path]]:
        return ((kind, self.original(kind)) for kind in FILES)

    def visible(self) -> set[str]:
        return {name for name in os.listdir(self.spool) if not name.startswith(".")}

    def check(self, at: object) -> None:
        manifests = self.manifests()
        assert all(self.whole(manifest) for manifest in manifests), at
        assert manifests or self.originals_are_there(), at


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("copied", [False, True], ids=["moved", "copied"])
def test_a_hand_over_that_is_killed_at_any_step(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, call: str, *, copied: bool
) -> None:
    for number in itertools.count(1):
        home = tmp_path / str(number)
        home.mkdir()
        host = Host(home, (elsewhere if copied else home) / f"out-{number}")
        paths = ", ".join(f'{kind}_path="{host.original(kind)}"' for kind in FILES)
        code = f'export_coin_results("SOL/USDT", "{AT}", {paths})'
        done = run_code(code, host.spool, wrapper=killing(call, number))
        host.check((call, number, done.stderr))
        if done.returncode == 0:
            assert host.manifests()
            assert not os.listdir(host.out)
            break
        monkeypatch.setenv("HURACAN_SPOOL__PATH", str(host.spool))
        if not host.manifests():
            assert host.export() is not None, (call, number)  # the same files again
            host.check((call, number, "again"))
        shutil.rmtree(home)


def interrupting(number: int) -> Callable[[FrameType, str, object], Any]:
    """A trace function that raises at the `number`-th line of the producer, or of the renames below it."""
    lines = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(TRACED):
            return None
        if event == "line":
            lines += 1
            if lines == number:
                raise KeyboardInterrupt
        return trace

    return trace


def interrupted(work: Callable[[], object], number: int) -> bool:
    before = sys.gettrace()
    sys.settrace(interrupting(number))
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Host]]:
    for number in itertools.count(1):
        home = tmp_path / str(number)
        home.mkdir()
        monkeypatch.setenv("HURACAN_SPOOL__PATH", str(home / "spool"))
        yield number, Host(home, home / "out")
        shutil.rmtree(home)


def test_the_order_of_what_is_made_durable_and_visible(tmp_path: Path) -> None:
    """Files, directory, manifest, directory; then the originals go (reliability: a power cut after any of it)."""
    host = Host(tmp_path, tmp_path / "out")
    log = tmp_path / "calls"
    paths = ", ".join(f'{kind}_path="{host.original(kind)}"' for kind in FILES)
    wrapper = ("strace", "-y", "-qq", "-o", str(log), "-e", "trace=linkat,fsync,renameat2,unlink")
    done = run_code(f'export_coin_results("SOL/USDT", "{AT}", {paths})', host.spool, wrapper=wrapper)
    assert done.returncode == 0, done.stderr
    calls = [re.sub(r"\.staging-[0-9a-f]+", ".staging", line) for line in log.read_text().splitlines()]
    assert [_brief(call, host) for call in calls] == [
        "linkat out/model.pt",
        "linkat out/trades.csv",
        "fsync spool/.staging/model.pt",
        "fsync spool/.staging/trades.csv",
        "fsync spool/.staging/manifest.json",
        f"renameat2 {RUN}_model.pt",
        f"renameat2 {RUN}_trades.csv",
        "fsync spool",
        f"renameat2 {RUN}.manifest.json",
        "fsync spool",
        "unlink out/model.pt",
        "unlink out/trades.csv",
    ]


def _brief(call: str, host: Host) -> str:
    """The call, and what it is about: the descriptor's file, the first name, or the new one."""
    name, _, arguments = call.partition("(")
    paths = re.findall(r'[<"]([^<>"]+)[>"]', arguments)
    about = {"linkat": 1, "renameat2": -1}.get(name, 0)
    return f"{name} {paths[about].removeprefix(f'{host.spool.parent}/')}"


def test_an_export_that_is_interrupted_at_any_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C; and unlike a kill it leaves no file that no manifest names."""
    for number, host in hosts(tmp_path, monkeypatch):
        if not interrupted(host.export, number):
            break
        host.check(number)
        assert host.manifests() or not host.visible(), (number, host.visible())
    assert number > 200


def test_a_run_writer_that_is_interrupted_at_any_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        with RunWriter("SOL/USDT", AT) as run:
            run.model(FILES["model"])
            run.path("trades").write_bytes(FILES["trades"])

    for number, host in hosts(tmp_path, monkeypatch):
        if not interrupted(work, number):
            break
        assert all(host.whole(manifest) for manifest in host.manifests()), number
        assert host.manifests() or not host.visible(), (number, host.visible())
    assert number > 200
