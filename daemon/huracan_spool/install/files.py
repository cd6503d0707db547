"""The files of an installation: what they hold, and where they go."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SERVICE = "huracan-spool.service"
MOUNT = r"tmp-huracan\x2dspool.mount"
UNITS = (SERVICE, "huracan-spool-dir.service", "huracan.slice", MOUNT)
CONFIG = Path("/etc/huracan-spool/config.yaml")
COMMAND = "huracan-spool"
_IDENTITY = "private-users-identity.conf"
IDENTITY_SINCE = 257  # the systemd that knows PrivateUsers=identity

# As the unit has it; an installation elsewhere gets its own.
_UNIT_PREFIX = "/opt/huracan-spool/venv"
_UNIT_EXEC = "ExecPaths=/opt/huracan-spool "


@dataclass(frozen=True, slots=True)
class Places:
    """Where an installation puts its files. systemd looks into both kinds of place."""

    library: Path
    command: Path

    @classmethod
    def local(cls) -> Places:
        """What an administrator installs by hand."""
        return cls(Path("/usr/local/lib"), Path("/usr/local/bin"))

    @classmethod
    def packaged(cls) -> Places:
        """What belongs to the package manager."""
        return cls(Path("/usr/lib"), Path("/usr/bin"))


@dataclass(frozen=True, slots=True)
class Shipped:
    """`units` and `config` are folders with the files as they are shipped; `venv` is what runs them."""

    units: Path
    config: Path
    venv: Path

    @classmethod
    def with_package(cls, venv: Path) -> Shipped:
        """At the top of the checkout that this file is in, else in the environment's `share`."""
        checkout = Path(__file__).parents[3]
        top = checkout if (checkout / "systemd").is_dir() else Path(sys.prefix) / "share/huracan-spool"
        return cls(top / "systemd", top / "config", venv)


@dataclass(frozen=True, slots=True)
class File:
    """`target` is absolute on the host. A link has `link` in place of `content`."""

    target: Path
    content: bytes = b""
    link: Path | None = None
    mode: int = 0o644

    def is_at(self, place: Path) -> bool:
        if self.link is not None:
            return place.is_symlink() and place.readlink() == self.link
        if not place.is_file() or place.is_symlink():
            return False
        return place.read_bytes() == self.content and stat.S_IMODE(place.stat().st_mode) == self.mode

    def put(self, place: Path) -> None:
        """Whole or not at all, whatever was there."""
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".") as folder:
            new = Path(folder) / place.name
            if self.link is not None:
                new.symlink_to(self.link)
            else:
                new.write_bytes(self.content)
                new.chmod(self.mode)
            new.replace(place)


def program_files(shipped: Shipped, places: Places, systemd_version: int) -> Iterator[File]:
    """What is replaced by every installation and removed by `uninstall`."""
    units = places.library / "systemd/system"
    for name in UNITS:
        yield File(units / name, _adapted((shipped.units / name).read_text(), shipped.venv).encode())
    if systemd_version >= IDENTITY_SINCE:
        yield File(units / f"{SERVICE}.d" / _IDENTITY, (shipped.units / _IDENTITY).read_bytes())
    for folder in ("sysusers.d", "tmpfiles.d"):
        name = "huracan-spool.conf"
        yield File(places.library / folder / name, (shipped.units / folder / name).read_bytes())
    command = places.command / COMMAND
    if shipped.venv / "bin" / COMMAND != command:
        yield File(command, link=shipped.venv / "bin" / COMMAND)


def config_file(shipped: Shipped) -> File:
    """Written once: from then on it is the administrator's."""
    return File(CONFIG, (shipped.config / CONFIG.name).read_bytes(), mode=0o640)


def below(root: Path, target: Path) -> Path:
    return root / os.path.relpath(target, "/")


def _adapted(unit: str, venv: Path) -> str:
    return unit.replace(_UNIT_PREFIX, str(venv)).replace(_UNIT_EXEC, f"ExecPaths={venv.parent} ")
