"""How the daemon does against the emulator on loopback: latency of one run, a backlog, memory, idling.

    python tests/benchmarks/loopback.py [--runs 200] [--calls-per-second 10]

Prints a table. The emulator runs in a process of its own; figures of the daemon are its own process's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

from huracan_spool.manifest import Symbol
from huracan_spool.producer.handover import publish
from huracan_spool.record import rfc3339
from huracan_spool.samples import REALISTIC, moment, write_sample

COMMAND = (sys.executable, "-m", "huracan_spool")
START = moment("2025-11-12T00:00:00")
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--calls-per-second", default="10")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="huracan-spool-bench-"))
    emulator = subprocess.Popen([*COMMAND, "emulator", "--root", home / "dropbox"], stdout=subprocess.PIPE)
    address = json.loads(emulator.stdout.readline())
    daemon = start_daemon(home, address, options.calls_per_second)
    try:
        measure(home, daemon, address, options.runs)
    finally:
        for process in (daemon, emulator):
            process.send_signal(signal.SIGTERM)
            process.wait()
        shutil.rmtree(home)


def measure(home: Path, daemon: subprocess.Popen[bytes], address: dict[str, str], runs: int) -> None:
    spool = home / "spool"
    wait_until(lambda: " daemon_ready " in (home / "log").read_text())
    files = write_sample(home, START, 1, REALISTIC)
    size = sum(path.stat().st_size for path in files.values())
    print(f"one run: {size / 1e6:.1f} MB in {len(files)} files; chunk_size 16 MiB, TLS on loopback")
    time.sleep(2)
    busy, began = cpu_seconds(daemon), time.monotonic()
    time.sleep(20)
    idle = (cpu_seconds(daemon) - busy) / (time.monotonic() - began)
    print(f"idle: {resident(daemon):.0f} MiB, {idle:.2%} CPU over 20 s")
    latencies = [drop_one(spool, files, number) for number in range(10)]
    print(f"drop to receipt: median {statistics.median(latencies):.3f} s, max {max(latencies):.3f} s")
    calls = len(get(address, "calls"))
    busy, began = cpu_seconds(daemon), time.monotonic()
    for number in range(runs):
        drop(spool, files, 100 + number)
    dropped = time.monotonic() - began
    wait_until(lambda: not list(spool.glob("*.manifest.json")))
    seconds = time.monotonic() - began
    spent = cpu_seconds(daemon) - busy
    log = get(address, "calls")[calls:]
    commits = sum(call["route"].endswith("finish_batch_v2") for call in log)
    print(
        f"{runs} runs: {seconds:.1f} s (dropping them took {dropped:.1f} s), {runs / seconds:.2f} runs/s, "
        f"{len(log)} calls, {commits} commits, peak {peak(daemon):.0f} MiB, "
        f"{spent / (runs * size / 1e9):.2f} CPU s per GB"
    )
    errors = [line for line in (home / "log").read_text().splitlines() if "[error]" in line or "run_waits" in line]
    print(f"errors and waits in the log: {len(errors)}", *errors[:3], sep="\n  ")


def start_daemon(home: Path, address: dict[str, str], calls_per_second: str) -> subprocess.Popen[bytes]:
    url = address["https_url"]
    environment = os.environ | {
        "HURACAN_SPOOL__PATH": str(home / "spool"),
        "HURACAN_STATE_DIR": str(home / "state"),
        "HURACAN_DROPBOX__ACCESS_TOKEN": address["access_token"],
        "HURACAN_DROPBOX__API_URL": url,
        "HURACAN_DROPBOX__CONTENT_URL": url,
        "HURACAN_DROPBOX__OAUTH_URL": url,
        "HURACAN_DROPBOX__CA_FILE": address["ca_file"],
        "HURACAN_UPLOAD__CALLS_PER_SECOND": calls_per_second,
    }
    log = (home / "log").open("wb")
    return subprocess.Popen([*COMMAND, "run"], env=environment, stdout=log)


def drop(spool: Path, files: dict, number: int) -> str:
    symbol, trained_at = f"C{number:05d}/USDT", START + timedelta(seconds=number)
    run = f"{Symbol(symbol).prefix}_{number}"
    publish(spool, run, symbol, rfc3339(trained_at), {str(kind): path for kind, path in files.items()}, {})
    return run


def drop_one(spool: Path, files: dict, number: int) -> float:
    run = drop(spool, files, number)
    began = time.monotonic()
    wait_until((spool / "receipts" / f"{run}.json").exists)
    return time.monotonic() - began


def wait_until(condition, deadline: float = 900.0) -> None:
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def get(address: dict[str, str], what: str) -> list:
    with urllib.request.urlopen(f"{address['http_url']}/__emulator__/{what}") as answer:
        return json.load(answer)


def status(process: subprocess.Popen[bytes], key: str) -> float:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def resident(process: subprocess.Popen[bytes]) -> float:
    return status(process, "VmRSS")


def peak(process: subprocess.Popen[bytes]) -> float:
    return status(process, "VmHWM")


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
