"""Getting runs back, beside rclone and the official SDK on the same emulated Dropbox.

    python tests/benchmarks/archive.py pulls [--runs 1,100]
    python tests/benchmarks/archive.py index [--days 365] [--calls-per-second 10] [--metrics N]
    python tests/benchmarks/archive.py candles [--files 365]

`pulls` prints for each client the seconds until the last byte is there, what it used, and its calls.
`index` is a first listing of 200 symbols, the metrics of so many runs, and the calls after it. `candles` merges
daily files of 70 days each. rclone is led to the emulator by a CONNECT proxy that is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from clients import DISTURBING, RCLONE, rclone_environment
from processes import COMMAND, EmulatorAddress, announcing, peak_mib, proxy

STORE = Path(__file__).with_name("planted_store.py")
TESTS = Path(__file__).parents[1]
PROBE = Path(__file__).with_name("archive_probe.py")


@dataclass(frozen=True)
class Took:
    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


@contextmanager
def store(wan: str, kind: str, number: int) -> Iterator[EmulatorAddress]:
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    with announcing([sys.executable, str(STORE), wan, kind, str(number)]) as line:
        yield EmulatorAddress(**json.loads(line))


def ours(address: EmulatorAddress, home: Path, calls_per_second: float = 10) -> dict[str, str]:
    """The environment of an analyst's shell."""
    return os.environ | {
        "HURACAN_DROPBOX__ACCESS_TOKEN": address.access_token,
        "HURACAN_DROPBOX__CA_FILE": address.ca_file,
        **{f"HURACAN_DROPBOX__{name}_URL": address.https_url for name in ("API", "CONTENT", "OAUTH")},
        "HURACAN_STATE_DIR": str(home / "state"),
        "HURACAN_UPLOAD__CALLS_PER_SECOND": str(calls_per_second),
        "XDG_CACHE_HOME": str(home / "cache"),
    }


def timed(command: Sequence[str], environment: dict[str, str], home: Path) -> Took:
    began, peak = time.monotonic(), 0.0
    with (home / "out").open("wb") as out, (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=log, cwd=home)
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        peak = max(peak, peak_mib(process.pid))
        time.sleep(0.02)
    seconds = time.monotonic() - began
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command}: {process.returncode}: {(home / 'log').read_text()[-2000:]}")
    return Took(seconds, usage.ru_utime + usage.ru_stime, peak, (home / "out").read_text())


# -- pulls


def pull_ours(address: EmulatorAddress, home: Path, runs: int) -> Took:
    day = ["2025-01-01"] if runs == 1 else ["--since", "2025-01-01", "--until", last_day(runs)]
    return timed([*COMMAND, "pull", "SOL/USDT", *day, "--to", str(home / "runs")], ours(address, home), home)


def pull_rclone(*options: str) -> Callable[[EmulatorAddress, Path, int], Took]:
    def pull(address: EmulatorAddress, home: Path, runs: int) -> Took:
        with proxy(address) as url:
            environment = rclone_environment(address, url, home)
            what = "Huracan/models/training" + ("/2025-01-01/SOL-USDT" if runs == 1 else "")
            return timed([str(RCLONE), "copy", f"dbx:{what}", str(home / "runs"), *options], environment, home)

    return pull


def pull_sdk(address: EmulatorAddress, home: Path, runs: int) -> Took:
    environment = {name: value for name, value in os.environ.items() if name not in DISTURBING}
    hosts = {"DROPBOX_API_HOST": address.https_host, "DROPBOX_API_CONTENT_HOST": address.https_host}
    what = "/Huracan/models/training" + ("/2025-01-01/SOL-USDT" if runs == 1 else "")
    command = [sys.executable, "-c", _SDK, address.ca_file, address.access_token, what, str(home / "runs")]
    return timed(command, environment | hosts, home)


_SDK = """
import os, sys
import dropbox
ca_file, token, what, target = sys.argv[1:]
client = dropbox.Dropbox(token, ca_certs=ca_file)
page = client.files_list_folder(what, recursive=True)
while True:
    for entry in page.entries:
        if isinstance(entry, dropbox.files.FileMetadata):
            path = target + entry.path_display[len(what):]
            os.makedirs(os.path.dirname(path), exist_ok=True)
            client.files_download_to_file(path, entry.path_display)
    if not page.has_more:
        break
    page = client.files_list_folder_continue(page.cursor)
"""

PULLERS: dict[str, Callable[[EmulatorAddress, Path, int], Took]] = {
    "ours": pull_ours,
    "rclone-32": pull_rclone("--transfers", "32", "--checkers", "32"),
    "rclone-fast-list": pull_rclone("--transfers", "32", "--checkers", "32", "--fast-list"),
    "rclone": pull_rclone(),
    "sdk": pull_sdk,
}


def last_day(runs: int) -> str:
    return str(date(2025, 1, 1) + timedelta(days=runs - 1))


def pulls(options: argparse.Namespace) -> None:
    for runs in map(int, options.runs.split(",")):
        with store(options.wan, "pulls", runs) as address:
            print(f"\n{runs} runs of 12 MB, profile {options.wan}")
            print(f"{'client':18}{'seconds':>9}{'CPU s':>8}{'peak MiB':>10}{'calls':>7}{'files':>7}")
            for name in options.clients.split(","):
                home = Path(tempfile.mkdtemp(prefix="huracan-spool-bench-"))
                try:
                    before = address.get("totals?files=0&within=0")["calls"]
                    took = PULLERS[name](address, home, runs)
                    calls = address.get("totals?files=0&within=0")["calls"] - before
                    files = sum(path.is_file() for path in (home / "runs").rglob("*"))
                finally:
                    shutil.rmtree(home)
                row = f"{name:18}{took.seconds:9.2f}{took.cpu_seconds:8.2f}{took.peak_mib:10.0f}{calls:7}{files:7}"
                print(row, flush=True)


# -- index


def index(options: argparse.Namespace) -> None:
    with store(options.wan, "years", options.days) as address:
        home = Path(tempfile.mkdtemp(prefix="huracan-spool-bench-"))
        try:
            environment = ours(address, home, options.calls_per_second)
            for step in ("listing", f"metrics={options.metrics}", "again", "warm"):
                before = address.get("totals?files=0&within=0")["calls"]
                took = timed([sys.executable, str(PROBE), step], environment, home)
                calls = address.get("totals?files=0&within=0")["calls"] - before
                used = f"{took.seconds:9.2f} s{took.cpu_seconds:8.2f} CPU s{took.peak_mib:7.0f} MiB"
                print(f"{step:16}{used}{calls:7} calls")
                print("    " + took.output.strip().replace("\n", "\n    "), flush=True)
            size = sum(path.stat().st_size for path in (home / "cache").rglob("*") if path.is_file())
            print(f"the index takes {size / 2**20:.0f} MiB on disk")
        finally:
            shutil.rmtree(home)


# -- candles


def candles(options: argparse.Namespace) -> None:
    home = Path(tempfile.mkdtemp(prefix="huracan-spool-bench-"))
    try:
        took = timed([sys.executable, str(PROBE), f"write={options.files}"], dict(os.environ), home)
        print(took.output.strip())
        took = timed([sys.executable, str(PROBE), "merge"], dict(os.environ), home)
        print(
            f"merge {took.seconds:.2f} s with Python's start, {took.cpu_seconds:.2f} CPU s, {took.peak_mib:.0f} MiB"
        )
        print(took.output.strip())
    finally:
        shutil.rmtree(home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["pulls", "index", "candles"])
    parser.add_argument("--wan", default="link")
    parser.add_argument("--runs", default="1,100")
    parser.add_argument("--clients", default=",".join(PULLERS))
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--calls-per-second", type=float, default=10)
    parser.add_argument("--metrics", type=int, default=365, help="the metrics of so many runs")
    parser.add_argument("--files", type=int, default=365)
    options = parser.parse_args()
    {"pulls": pulls, "index": index, "candles": candles}[options.what](options)


if __name__ == "__main__":
    main()
