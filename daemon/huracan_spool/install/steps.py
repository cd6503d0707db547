"""What an installation does, step by step. A step that finds its work done does nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from huracan_spool.errors import HuracanSpoolError
from huracan_spool.install.files import (
    CONFIG,
    MOUNT,
    SERVICE,
    Places,
    Shipped,
    below,
    config_file,
    program_files,
)

CONF = "huracan-spool.conf"
DATA = ("/etc/huracan-spool", "/var/lib/huracan-spool", "/var/spool/huracan-spool")
_HIDDEN = ("/home", "/root", "/run/user", "/tmp")  # noqa: S108 - what the service does not see


class InstallFailed(HuracanSpoolError):
    """A step did not work. What was done before it stays, and is found done by the next try."""


@dataclass(frozen=True, slots=True)
class Step:
    """`told` is a line for people."""

    told: str
    do: Callable[[], None]


def systemd_version() -> int:
    """0 where there is none."""
    if shutil.which("systemctl") is None:
        return 0
    answer = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True)  # noqa: S607 - root's PATH
    return int(answer.stdout.split()[1].split(".")[0])


def why_not(venv: Path, interpreter: Path) -> str | None:
    """What keeps the service from running what is installed there, with what to do; None when nothing does."""
    for place in (venv, interpreter.resolve()):
        if any(place.is_relative_to(hidden) for hidden in _HIDDEN):
            return (
                f"the service can't see {place}. Make the virtual environment in /opt, with the system's Python: "
                "/usr/bin/python3 -m venv /opt/huracan-spool/venv"
            )
    return None


def install_steps(shipped: Shipped, places: Places, version: int, root: Path) -> Iterator[Step]:
    """From nothing, or from any earlier version, to a running service; with another `root`, its files only."""
    for file in program_files(shipped, places, version):
        place = below(root, file.target)
        if not file.is_at(place):
            yield Step(f"write {place}", lambda file=file, place=place: file.put(place))  # type: ignore[misc]
    on_host = root == Path("/")
    if on_host:
        yield _command("systemd-sysusers", CONF)
    config = below(root, CONFIG)
    if not config.exists():
        yield Step(f"write {config}, to be edited", lambda: config_file(shipped).put(config))
        if on_host:
            yield _command("chgrp", "huracan", str(config))
    if on_host:
        yield _command("systemctl", "daemon-reload")
        yield _command("systemctl", "enable", MOUNT, SERVICE)
        yield _command("systemctl", "restart", SERVICE)


def uninstall_steps(shipped: Shipped, places: Places, version: int, root: Path) -> Iterator[Step]:
    """The reverse. Configuration, queue, history and the two groups stay."""
    on_host = root == Path("/")
    files = [below(root, file.target) for file in program_files(shipped, places, version)]
    there = [place for place in files if place.is_symlink() or place.exists()]
    if on_host and there:
        yield _command("systemctl", "disable", "--now", SERVICE, MOUNT)
    for place in there:
        yield Step(f"remove {place}", place.unlink)
    if on_host and there:
        yield _command("systemctl", "daemon-reload")


def _command(*words: str) -> Step:
    return Step(f"run {' '.join(words)}", lambda: _run(words))


def _run(words: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    except OSError as error:
        raise InstallFailed(f"{words[0]} can't be run: {error.strerror}; is systemd installed?") from error
    if done.returncode != 0:
        raise InstallFailed(f"{' '.join(words)} failed:\n{(done.stderr or done.stdout).strip()}")
