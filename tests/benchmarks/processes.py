"""What a process and its descendants have used, from /proc."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "huracan_spool")
PROXY = Path(__file__).with_name("proxy.py")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Used:
    cpu_seconds: float
    peak_mib: float


def used_by_tree(pid: int) -> Used:
    """The processor time of the process, of its living descendants and of the reaped; the sum of the peaks."""
    pids = [pid, *_descendants(pid)]
    return Used(sum(map(_cpu_seconds, pids)), sum(map(peak_mib, pids)))


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _descendants(int(child))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def peak_mib(pid: int) -> float:
    """So far; 0 for a process that has ended. (What `wait4` says begins with the peak of the parent.)"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


@dataclass(frozen=True)
class EmulatorAddress:
    http_url: str
    https_url: str
    ca_file: str
    access_token: str

    @property
    def https_host(self) -> str:
        return self.https_url.removeprefix("https://")

    def get(self, what: str, timeout: float = 60.0) -> Any:
        with urllib.request.urlopen(f"{self.http_url}/__emulator__/{what}", timeout=timeout) as answer:
            return json.load(answer)


@contextmanager
def emulator(root: Path, wan: str) -> Iterator[EmulatorAddress]:
    """A fresh one, empty."""
    with announcing([*COMMAND, "emulator", "--root", str(root), "--wan", wan]) as line:
        announced = json.loads(line)
        names = ("http_url", "https_url", "ca_file", "access_token")
        yield EmulatorAddress(**{name: announced[name] for name in names})


@contextmanager
def proxy(address: EmulatorAddress) -> Iterator[str]:
    """The URL of a CONNECT proxy that leads every host to the emulator."""
    with announcing([sys.executable, str(PROXY), address.https_host.rpartition(":")[2]]) as line:
        yield line.strip()


@contextmanager
def announcing(command: Sequence[str]) -> Iterator[str]:
    """Run a server for a while; gives the line that it announces itself with."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline()
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
