"""What a check found, and what to type about it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from huracan_spool.settings import ConfigurationError, Settings

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """`level` is ok, warn, fail or skip; `fix` is the command that mends it, empty for what needs none."""

    level: str
    says: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """What the checks look at. Without `settings`, `refused` says why there are none."""

    config: Path
    environ: Mapping[str, str]
    settings: Settings | None
    refused: ConfigurationError | None = None


class CantLook(Exception):
    """The check can't be done here; the message says why."""


Check = Callable[[Host], Iterator[Finding]]


def needed(host: Host) -> Settings:
    """The settings. Raises `CantLook` when the configuration can't be used."""
    if host.settings is None:
        raise CantLook("the configuration can't be used")
    return host.settings


def output_of(*command: str) -> str:
    """What a program of the host prints. Raises `CantLook` when it is not there or fails."""
    path = shutil.which(command[0])
    if path is None:
        raise CantLook(f"there is no {command[0]} here")
    try:
        done = subprocess.run(  # noqa: S603
            (path, *command[1:]), capture_output=True, text=True, timeout=15, check=False, env=dict(os.environ)
        )
    except subprocess.TimeoutExpired as error:
        raise CantLook(f"{command[0]} does not answer") from error
    if done.returncode:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise CantLook(f"{command[0]}: {last}")
    return done.stdout
