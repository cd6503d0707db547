"""The clients: how each is started on a prepared workload, and what it used until everything was there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from processes import COMMAND, EmulatorAddress, Used, end, peak_mib, proxy, used_by_tree
from workload import APP_FOLDER, Prepared

SDK_CLIENT = Path(__file__).with_name("sdk_client.py")
RCLONE = shutil.which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
# Old bug of requests: these win over the CA that the SDK was given.
DISTURBING = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
# How long a client may take to leave after everything is there.
LEAVING_SECONDS = 30.0
# How often a peer is looked at.
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Took:
    """`seconds` is None when not everything was there within the limit."""

    seconds: float | None
    used: Used


class Client(Protocol):
    name: str

    def run(self, prepared: Prepared, address: EmulatorAddress, home: Path, limit: float) -> Took:
        """Time runs from the start of the client, or from the hand-over of the run to an idle daemon."""
        ...


@dataclass(frozen=True)
class Ours:
    """The daemon with its defaults, or without the inspection, which no peer has."""

    name: str = "ours"
    inspection: str = "strict"

    def run(self, prepared: Prepared, address: EmulatorAddress, home: Path, limit: float) -> Took:
        spool = home / "spool"
        if prepared.work.is_backlog:
            spool.mkdir()
            prepared.publish(spool)
            began = time.time()
            with daemon(home, address, self.inspection) as process:
                return self._until_done(prepared, address, process, spool, began, limit, Used(0.0, 0.0))
        with daemon(home, address, self.inspection) as process:
            _wait_until(lambda: " daemon_ready " in (home / "log").read_text(), limit)
            time.sleep(1)
            idle = used_by_tree(process.pid)
            prepared.publish(spool)
            # The manifest was written last, and before it got its name.
            began = max(path.stat().st_mtime for path in spool.glob("*.manifest.json"))
            return self._until_done(prepared, address, process, spool, began, limit, idle)

    def _until_done(
        self,
        prepared: Prepared,
        address: EmulatorAddress,
        process: subprocess.Popen[bytes],
        spool: Path,
        began: float,
        limit: float,
        before: Used,
    ) -> Took:
        seconds = _seconds_until_visible(prepared, address, began, limit)
        if seconds is not None:
            _wait_until(lambda: not list(spool.glob("*.manifest.json")), LEAVING_SECONDS)
        used = used_by_tree(process.pid)
        return Took(seconds, Used(used.cpu_seconds - before.cpu_seconds, used.peak_mib))


@dataclass(frozen=True)
class Rclone:
    """Spared the look at what is there already, which no setting of the others has."""

    name: str
    options: Sequence[str]

    def run(self, prepared: Prepared, address: EmulatorAddress, home: Path, limit: float) -> Took:
        with proxy(address) as url:
            environment = rclone_environment(address, url, home)
            how = ("--transfers", "32", "--checkers", "32", "--no-check-dest", *self.options)
            command = [str(RCLONE), "copy", str(prepared.folder), f"dbx:{APP_FOLDER}", *how]
            return _run(command, environment, prepared, address, home, limit)


def rclone_environment(address: EmulatorAddress, proxy_url: str, home: Path) -> dict[str, str]:
    """For a remote `dbx:` that is reached through a proxy."""
    token = {"access_token": address.access_token, "token_type": "bearer", "expiry": "2100-01-01T00:00:00Z"}
    return {
        "HTTPS_PROXY": proxy_url,
        "HOME": str(home),
        "RCLONE_CONFIG": str(home / "none.conf"),
        "RCLONE_CA_CERT": address.ca_file,
        "RCLONE_CONFIG_DBX_TYPE": "dropbox",
        "RCLONE_CONFIG_DBX_TOKEN": json.dumps(token),
    }


@dataclass(frozen=True)
class Sdk:
    name: str
    way: str

    def run(self, prepared: Prepared, address: EmulatorAddress, home: Path, limit: float) -> Took:
        environment = {name: value for name, value in os.environ.items() if name not in DISTURBING}
        hosts = {"DROPBOX_API_HOST": address.https_host, "DROPBOX_API_CONTENT_HOST": address.https_host}
        where = (str(prepared.folder), str(prepared.groups), address.ca_file, address.access_token)
        command = [sys.executable, str(SDK_CLIENT), self.way, *where]
        return _run(command, environment | hosts, prepared, address, home, limit)


CLIENTS: Sequence[Client] = (
    Ours(),
    Ours("ours-uninspected", "off"),
    Rclone("rclone-off", ("--dropbox-batch-mode", "off")),
    Rclone("rclone-sync", ("--dropbox-batch-mode", "sync")),
    Rclone("rclone-async", ("--dropbox-batch-mode", "async")),
    Rclone("rclone-async-1000", ("--dropbox-batch-mode", "async", "--dropbox-batch-size", "1000")),
    Rclone("rclone-128M", ("--dropbox-batch-mode", "sync", "--dropbox-chunk-size", "128M")),
    Sdk("sdk-one-by-one", "one-by-one"),
    Sdk("sdk-pool", "pool"),
    Sdk("sdk-batch", "batch"),
)


def chosen(names: Sequence[str]) -> list[Client]:
    """By name or by the first part of it: `rclone` is all of them. Raises `ValueError` for a name of none."""
    for name in names:
        if not any(client.name.startswith(name) for client in CLIENTS):
            raise ValueError(f"{name!r} is none of {', '.join(client.name for client in CLIENTS)}")
    return [client for client in CLIENTS if any(client.name.startswith(name) for name in names)]


@contextmanager
def daemon(home: Path, address: EmulatorAddress, inspection: str) -> Iterator[subprocess.Popen[bytes]]:
    url = address.https_url
    environment = os.environ | {
        "HURACAN_SPOOL__PATH": str(home / "spool"),
        "HURACAN_SPOOL__INSPECTION": inspection,
        "HURACAN_STATE_DIR": str(home / "state"),
        "HURACAN_DROPBOX__ACCESS_TOKEN": address.access_token,
        "HURACAN_DROPBOX__API_URL": url,
        "HURACAN_DROPBOX__CONTENT_URL": url,
        "HURACAN_DROPBOX__OAUTH_URL": url,
        "HURACAN_DROPBOX__CA_FILE": address.ca_file,
        # The port may be somebody else's.
        "HURACAN_HTTP__LISTEN": str(home / "status.socket"),
    }
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*COMMAND, "run"], env=environment, stdout=log)
    try:
        yield process
    finally:
        end(process)


def _run(
    command: Sequence[str],
    environment: dict[str, str],
    prepared: Prepared,
    address: EmulatorAddress,
    home: Path,
    limit: float,
) -> Took:
    began = time.time()
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    watch = _Watch(process)
    try:
        seconds = _seconds_until_visible(prepared, address, began, limit, watch.goes_on)
        return Took(seconds, watch.used_at_the_end(LEAVING_SECONDS if seconds is not None else 0.0))
    finally:
        if process.returncode is None:
            end(process)


class _Watch:
    """Looks at a process again and again: its peak can't be asked for after its end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._peak_mib = 0.0

    def goes_on(self) -> bool:
        """Without reaping it: what it used is asked for later."""
        self._peak_mib = max(self._peak_mib, peak_mib(self._process.pid))
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def used_at_the_end(self, patience: float) -> Used:
        """A client that does not leave is ended, and what it used until then counts."""
        deadline = time.monotonic() + patience
        while self.goes_on():
            if time.monotonic() > deadline:
                self._process.kill()
            time.sleep(0.02)
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return Used(usage.ru_utime + usage.ru_stime, self._peak_mib)


def _seconds_until_visible(
    prepared: Prepared,
    address: EmulatorAddress,
    began: float,
    limit: float,
    goes_on: Callable[[], bool] = lambda: True,
) -> float | None:
    """None when time is up, or when the client left before everything was there."""
    sizes = prepared.sizes
    while (left := began + limit - time.time()) > 0:
        totals = address.get(f"totals?files={len(sizes)}&within={min(left, LOOK_SECONDS)}")
        if totals["files"] >= len(sizes):
            break
        if not goes_on():
            return None
    else:
        return None
    seen = {path: view["size"] for path, view in address.get("tree").items()}
    wrong = [path for path, size in sizes.items() if seen.get(path) != size and "model_metadata" not in path]
    if wrong or len(seen) != len(sizes):
        raise RuntimeError(f"not the tree that was asked for: {wrong[:3]} of {len(seen)} files")
    return float(totals["at"]) - began


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    end_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_at:
            raise TimeoutError
        time.sleep(0.02)
