"""Checks of this host alone: configuration, directories, disks, limits, versions."""

from __future__ import annotations

import ctypes
import errno
import grp
import os
import pwd
import re
import sqlite3
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from shlex import quote

from huracan_spool.doctor.finding import FAIL, OK, WARN, CantLook, Finding, Host, needed, output_of
from huracan_spool.overview import read_overview, store_name
from huracan_spool.settings import SERVICE_USER
from huracan_spool.spool.directory import GROUP
from huracan_spool.standing import as_far_as_it_exists

_GB = 10**9
_INOTIFY = "sysctl -w fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288"


def configuration(host: Host) -> Iterator[Finding]:
    if host.refused is not None:
        for problem in host.refused.problems:
            yield Finding(FAIL, str(problem), "huracan-spool check-config")
        return
    settings = needed(host)
    for warning in settings.warnings:
        yield Finding(WARN, warning, "huracan-spool check-config")
    if not settings.uses_dropbox:
        yield Finding(WARN, "no log-in: runs go to the local archive only", "huracan-spool auth login")
    yield Finding(OK, f"{host.config} and the environment can be used")


def spool(host: Host) -> Iterator[Finding]:
    path = needed(host).spool.path
    name = quote(str(path))
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        yield Finding(
            WARN, f"{path} is not there; the daemon makes it when it starts", "systemctl start huracan-spool"
        )
        return
    if not stat.S_ISDIR(status.st_mode):
        yield Finding(FAIL, f"{path} is a link or no directory: look at it first", f"rm {name}")
        return
    mode, wrong = stat.S_IMODE(status.st_mode), False
    owner = _user(status.st_uid)
    wanted = _daemon_user()
    if status.st_uid != wanted:
        wrong = True
        yield Finding(FAIL, f"{path} belongs to {owner}, not to {_user(wanted)}", f"chown {_user(wanted)} {name}")
    if mode & stat.S_IWOTH:
        wrong = True
        yield Finding(FAIL, f"{path} is writable by everybody (mode {mode:04o})", f"chmod 3770 {name}")
    elif mode & stat.S_IWGRP and mode & 0o3000 != 0o3000:
        wrong = True
        says = f"{path} has mode {mode:04o}: producers can delete each other's files, or their files can't be read"
        yield Finding(WARN, says, f"chmod 3770 {name}")
    group = _group(status.st_gid)
    if group != GROUP:
        wrong = True
        yield Finding(WARN, f"{path} has the group {group}: producers of {GROUP} can't use it", _chgrp(name))
    if not wrong:
        yield Finding(OK, f"{path} belongs to {owner}, group {group}, mode {mode:04o}")


def _chgrp(name: str) -> str:
    try:
        grp.getgrnam(GROUP)
    except KeyError:
        return f"groupadd --system {GROUP} && chgrp {GROUP} {name}"
    return f"chgrp {GROUP} {name}"


def spool_disk(host: Host) -> Iterator[Finding]:
    path = as_far_as_it_exists(needed(host).spool.path)
    kind = file_system_of(path)
    if kind in {"tmpfs", "ramfs"}:
        says = f"{path} lies in memory ({kind}): what is not uploaded is lost when the host goes down"
        yield Finding(WARN, says, "systemctl enable --now 'tmp-huracan\\x2dspool.mount'")
    yield room(path)


def archive_disk(host: Host) -> Iterator[Finding]:
    settings = needed(host)
    if settings.uses_dropbox:
        raise CantLook("runs go to Dropbox")
    yield room(as_far_as_it_exists(settings.archive.path))


def tmp_cleaning(host: Host) -> Iterator[Finding]:
    """Rules of systemd-tmpfiles by which old or all files in the spool are removed."""
    path = needed(host).spool.path
    if os.path.ismount(path):
        yield Finding(OK, f"{path} is a mount: systemd-tmpfiles does not enter it")
        return
    for kind, place, age in _rules(output_of("systemd-tmpfiles", "--cat-config")):
        if path == place and kind in "dx" and age in {"", "-"}:
            yield Finding(OK, f"{path} is exempt from cleaning")
            return
        if place in {path, *path.parents} and (kind == "D" or (kind in "dDqQve" and age not in {"", "-", "0"})):
            how = "emptied at boot" if kind == "D" else f"cleaned of files older than {age}"
            fix = "systemctl enable --now 'tmp-huracan\\x2dspool.mount'"
            yield Finding(WARN, f"{place} is {how}: pending runs in {path} would go with it", fix)
            return
    yield Finding(OK, f"no rule of systemd-tmpfiles cleans {path}")


def _rules(text: str) -> Iterator[tuple[str, Path, str]]:
    """Type, path and age of each line, the longest path first: it is the one that counts."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0][0].isalpha() and words[1].startswith("/"):
            age = words[5] if len(words) > 5 else "-"
            found.append((words[0][0], Path(words[1].strip('"')), age))
    yield from sorted(found, key=lambda rule: len(rule[1].parts), reverse=True)


def state(host: Host) -> Iterator[Finding]:
    path = needed(host).state_dir
    name = quote(str(path))
    if not path.exists():
        yield Finding(
            WARN, f"{path} is not there; the daemon makes it when it starts", "systemctl start huracan-spool"
        )
        return
    status = path.stat()
    wanted = _daemon_user()
    if status.st_uid != wanted:
        says = f"{path} belongs to {_user(status.st_uid)}, not to {_user(wanted)}"
        yield Finding(FAIL, says, f"chown -R {_user(wanted)} {name}")
        return
    if not os.access(path, os.R_OK | os.X_OK):
        raise CantLook(f"{path} may not be read by this user: try it as root")
    yield room(path)


def runs(host: Host) -> Iterator[Finding]:
    settings = needed(host)
    try:
        store = store_name(uses_dropbox=settings.uses_dropbox, archive=settings.archive.path)
        found = read_overview(settings.spool.path, settings.state_dir, store)
    except sqlite3.Error as error:
        yield Finding(
            WARN, f"the ledger can't be read ({error}); it may be lost without harm", "huracan-spool status"
        )
        return
    if found.paused:
        yield Finding(
            FAIL, f"uploads are paused: {found.paused.reason}", found.paused.hint or "huracan-spool status"
        )
    if found.failed:
        yield Finding(WARN, f"{len(found.failed)} failed run(s)", "huracan-spool failed list")
    if found.waiting:
        yield Finding(WARN, f"{len(found.waiting)} run(s) wait for another try", "huracan-spool status")
    if not (found.paused or found.failed or found.waiting):
        yield Finding(OK, f"{found.pending} pending, none failed")


def inotify(_: Host) -> Iterator[Finding]:
    """By asking the kernel for one more: a user's limit is shared by all of that user's programs."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC)
    if fd < 0:
        cause = errno.errorcode.get(ctypes.get_errno(), "")
        says = f"this user gets no inotify instance ({cause}): runs are found by the rescan alone"
        yield Finding(WARN, says, _INOTIFY)
        return
    os.close(fd)
    yield Finding(OK, "the kernel gives out inotify instances")


def versions(_: Host) -> Iterator[Finding]:
    wrong, shown = False, [f"python {sys.version.split()[0]}"]
    for requirement in requires("huracan-spool") or []:
        match = re.fullmatch(r"([A-Za-z0-9_.-]+)>=([0-9.]+)", requirement)
        if match is None:
            continue
        name, least = match[1], match[2]
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "none"
        if _numbers(installed) < _numbers(least):
            wrong = True
            yield Finding(FAIL, f"{name} {installed} is older than {least}", f"pip install '{name}>={least}'")
        shown.append(f"{name} {installed}")
    if not wrong:
        yield Finding(OK, ", ".join(shown))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:3]))


def room(path: Path) -> Finding:
    space = os.statvfs(path)
    free, share = space.f_bavail * space.f_frsize, space.f_bavail / max(1, space.f_blocks)
    says = f"{path}: {free / _GB:.1f} GB free ({share:.0%})"
    fix = f"du -xh --max-depth=2 {quote(str(path))} | sort -h | tail"
    if space.f_files and space.f_favail < space.f_files // 100:
        return Finding(FAIL, f"{path}: {space.f_favail} inodes free", fix)
    if share < 0.02:
        return Finding(FAIL, says, fix)
    return Finding(WARN, says, fix) if share < 0.1 else Finding(OK, says)


def file_system_of(path: Path) -> str:
    """Its type, as the kernel names it; of several mounts at one place the last is the visible one."""
    best, kind = -1, "unknown"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        place = Path(left.split()[4].encode().decode("unicode_escape"))
        if place in {path, *path.parents} and len(place.parts) >= best:
            best, kind = len(place.parts), right.split()[0]
    return kind


def _daemon_user() -> int:
    """Who the daemon runs as: the service's user where there is one and a person asks, else this user."""
    try:
        return pwd.getpwnam(SERVICE_USER).pw_uid
    except KeyError:
        return os.geteuid()


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
