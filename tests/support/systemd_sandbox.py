"""A real systemd of one's own: in namespaces, on what this machine has installed, gone with its block."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.site import Finished
from support.waiting import eventually, within

_BOOT = Path(__file__).with_name("systemd_boot.sh")
_JOIN = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
_UNSHARED = ("--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup", "--propagation", "private")
# Seconds. An installation is half a minute of work, and another test may have the other processor.
LONGEST = 240.0
# How pip and apt find their packages here.
_PASSED_ON = re.compile(r"PIP_|https?_proxy|no_proxy|SSL_CERT_FILE", re.IGNORECASE)
_POWER_OFF = signal.SIGRTMIN + 4


@dataclass(frozen=True, slots=True)
class Sandbox:
    """`pid` is systemd's, as seen from outside."""

    pid: int

    @property
    def root(self) -> Path:
        """The sandbox's file system."""
        return Path(f"/proc/{self.pid}/root")

    async def run(self, *command: str, code: int | None = 0) -> Finished:
        """As root in the sandbox. Fails the test when it ends with another code; None takes any."""
        done = await _finished("nsenter", "-t", str(self.pid), "-a", "--", *command)
        assert code in (None, done.code), f"{command} ended with {done.code}:\n{done.out}{done.err}"
        return done

    async def shell(self, script: str, code: int | None = 0) -> Finished:
        return await self.run("sh", "-euc", script, code=code)

    async def as_user(self, user: str, script: str, code: int | None = 0) -> Finished:
        return await self.run("runuser", "-u", user, "--", "sh", "-euc", script, code=code)

    async def show(self, unit: str, *names: str) -> Mapping[str, str]:
        """Properties of a unit."""
        answer = await self.run("systemctl", "show", "--property", ",".join(names), unit)
        return dict(line.split("=", 1) for line in answer.out.splitlines())

    async def journal(self, unit: str) -> list[dict[str, Any]]:
        answer = await self.run("journalctl", "--no-pager", "-o", "json", "-u", unit)
        return [json.loads(line) for line in answer.out.splitlines()]

    async def until(self, look: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(60):
                while not await look():  # noqa: ASYNC110 - it happens in another process
                    await asyncio.sleep(0.05)
        except TimeoutError:
            journal = await self.run("journalctl", "--no-pager", "-n", "100")
            raise AssertionError(f"no {what}:\n{journal.out}") from None


async def _finished(*command: str) -> Finished:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=_environ(), stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    out, err = await within(process.communicate(), " ".join(command), LONGEST)
    return Finished(process.returncode or 0, out.decode(), err.decode())


def _environ() -> dict[str, str]:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    passed_on = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
    return passed_on | {"PATH": path, "LANG": "C.UTF-8", "HOME": "/root"}


@asynccontextmanager
async def booted(scratch: Path, folders: Mapping[Path, str] | None = None) -> AsyncIterator[Sandbox]:
    """`folders` are shown inside under other names; what is written to them stays in memory."""
    cgroup = _cgroup2() / f"huracan-spool-{os.getpid()}-{scratch.name}"
    cgroup.mkdir()
    pairs = [part for outside, inside in (folders or {}).items() for part in (str(outside), inside)]
    with (scratch / "boot.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", _JOIN, str(cgroup), "unshare", *_UNSHARED, "sh", str(_BOOT), *pairs),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environ() | {"container": "huracan-spool-test"},
        )
    try:
        sandbox = Sandbox(await eventually(lambda: _child_of(process.pid), scratch / "boot.log"))
        await _up(sandbox, process, scratch / "boot.log")
        yield sandbox
    finally:
        await _power_off(process)
        await eventually(lambda: _removed(cgroup), f"an empty {cgroup}")


async def _up(sandbox: Sandbox, process: asyncio.subprocess.Process, log: Path) -> None:
    states = {"running", "degraded"}
    async with asyncio.timeout(60):
        while (await sandbox.run("systemctl", "is-system-running", code=None)).out.strip() not in states:
            assert process.returncode is None, await asyncio.to_thread(log.read_text)
            await asyncio.sleep(0.05)


async def _power_off(process: asyncio.subprocess.Process) -> None:
    child = _child_of(process.pid)
    if child is not None:
        with suppress(ProcessLookupError):
            os.kill(child, _POWER_OFF)
    try:
        async with asyncio.timeout(15):
            await process.wait()
    except TimeoutError:
        process.kill()  # and --kill-child ends the rest
        await process.wait()


def _child_of(pid: int) -> int | None:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def _cgroup2() -> Path:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise AssertionError("no cgroup2 hierarchy is mounted on this machine")


def _removed(cgroup: Path) -> bool:
    for folder, _, _ in os.walk(cgroup, topdown=False):
        with suppress(OSError):  # a process is still on its way out
            os.rmdir(folder)
    return not cgroup.exists()
