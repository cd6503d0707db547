"""Everything a producer can get wrong, or try: each case spoils a good run, and has its code."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from support.runs import Run, make_run

STRANGER = 64_123  # a user id that nobody here has
Spoil = Callable[[Path, Run], None]


@dataclass(frozen=True)
class BadRun:
    """`left` are the kinds whose files stay in the spool, `moved` the names that must be in `failed/<run>`."""

    run: Run
    code: str
    spoil: Spoil
    left: frozenset[str] = frozenset()
    lone_manifest: bool = False

    def drop(self, spool: Path) -> None:
        self.spoil(spool, self.run)

    def moved(self) -> set[str]:
        """What is to be found beside the reason."""
        kinds = set() if self.lone_manifest else set(self.run.contents) - self.left
        return {self.run.manifest_file, *(self.run.file(kind) for kind in kinds)}


def bad_runs() -> Iterator[BadRun]:
    cases: dict[str, tuple[str, Spoil, dict[str, Any]]] = {
        "missing": ("missing_artifact", _missing, {"left": frozenset({"model"})}),
        "wrong-size": ("size_mismatch", _declares("model", size=1), {}),
        "wrong-sha256": ("sha256_mismatch", _declares("trades", sha256="0" * 64), {}),
        "unknown-kind": ("bad_manifest", _unknown_kind, {}),
        "with-a-slash": (
            "bad_manifest",
            _declares("metrics", file="../metrics.json"),
            {"left": frozenset({"metrics"})},
        ),
        "symlink": ("not_regular", _instead("model", lambda path: path.symlink_to("/etc/passwd")), {}),
        "fifo": ("not_regular", _instead("model", os.mkfifo), {}),
        "folder": ("not_regular", _instead("model", Path.mkdir), {}),
        "socket": ("not_regular", _instead("model", _make_socket), {}),
        "symlink-manifest": ("not_regular", _manifest_is(lambda path: path.symlink_to("/etc/passwd")), {}),
        "fifo-manifest": ("not_regular", _manifest_is(os.mkfifo), {}),
        "empty": ("bad_manifest", _says(b""), {}),
        "two-mebibytes": ("too_big", _says(b" " * (2 * 1024 * 1024)), {}),
        "not-utf8": ("bad_manifest", _says(b'{"version": 1, "symbol": "\xff"}'), {}),
        "cut-off": ("bad_manifest", _says(b'{"version": 1, "symbol": "SOL'), {}),
        "nested": ("bad_manifest", _says(b"[" * 100_000), {}),
        "version-2": ("unsupported_version", _with(version=2), {}),
        "punctuation": ("bad_symbol", _with(symbol="/-:_"), {}),
        "duplicate-key": ("bad_manifest", _says(b'{"version": 1, "version": 1}'), {}),
        "not-a-number": ("bad_manifest", _says(b'{"version": 1, "metadata": {"loss": NaN}}'), {}),
        "beyond-every-number": ("bad_manifest", _says(b'{"version": 1, "metadata": {"loss": 1e999}}'), {}),
        "a-number-of-9000-digits": ("bad_manifest", _says(b'{"version": %s}' % (b"9" * 9000)), {}),
        "surrogate": ("bad_manifest", _says(b'{"version": 1, "metadata": {"note": "\\ud800"}}'), {}),
        "a-million-brackets": ("bad_manifest", _says(b'{"version": 1, "metadata": [%s]}' % (b"[]," * 300_000)), {}),
        "deep-metadata": ("bad_manifest", _says(b'{"a":' * 100 + b"1" + b"}" * 100), {}),
        "metadata-too-big": ("bad_manifest", _with(metadata={"note": "x" * 70_000}), {}),
        "same-file-twice": ("bad_manifest", _twice, {"left": frozenset({"trades"})}),
        "its-own-manifest": (
            "bad_manifest",
            _declares("metrics", file="its-own-manifest.manifest.json"),
            {"left": frozenset({"metrics"})},
        ),
        "a-receipt": (
            "bad_manifest",
            _declares("metrics", file="receipts/its-own-manifest.json"),
            {"left": frozenset({"metrics"})},
        ),
        "device": ("not_regular", _instead("model", _make_device), {}),
        "a-tebibyte-of-holes": ("too_big", _holes(2**40), {}),
        "beyond-dropbox": ("too_big", _holes(2**41), {}),
        "anothers-file": ("wrong_owner", _anothers, {"left": frozenset({"model"})}),
    }
    alone = {"symlink-manifest", "fifo-manifest", "empty", "two-mebibytes", "not-utf8", "cut-off", "nested"}
    alone |= {"version-2", "duplicate-key", "not-a-number", "beyond-every-number", "a-number-of-9000-digits"}
    alone |= {"surrogate", "a-million-brackets", "deep-metadata"}
    base = make_run()
    for name, (code, spoil, more) in cases.items():
        yield BadRun(replace(base, name=name), code, spoil, lone_manifest=name in alone, **more)


def _says(data: bytes) -> Spoil:
    return lambda spool, run: run.drop(spool, data)


def _with(**fields: Any) -> Spoil:
    return lambda spool, run: run.drop(spool, run.manifest() | fields)


def _declares(kind: str, **fields: Any) -> Spoil:
    def spoil(spool: Path, run: Run) -> None:
        manifest = run.manifest()
        manifest["artifacts"][kind] |= fields
        run.drop(spool, manifest)

    return spoil


def _missing(spool: Path, run: Run) -> None:
    manifest = run.manifest()
    rest = {kind: data for kind, data in run.contents.items() if kind != "model"}
    replace(run, contents=rest).drop(spool, manifest)


def _unknown_kind(spool: Path, run: Run) -> None:
    manifest = run.manifest()
    manifest["artifacts"]["weights"] = manifest["artifacts"].pop("model")
    run.drop(spool, manifest)


def _twice(spool: Path, run: Run) -> None:
    manifest = run.manifest()
    manifest["artifacts"]["trades"] = manifest["artifacts"]["metrics"]
    run.drop(spool, manifest)


def _anothers(spool: Path, run: Run) -> None:
    path = spool / run.file("model")
    path.write_bytes(run.contents["model"])
    os.chown(path, STRANGER, -1)
    run.drop(spool)


def _instead(kind: str, make: Callable[[Path], object]) -> Spoil:
    def spoil(spool: Path, run: Run) -> None:
        make(spool / run.file(kind))
        rest = {each: data for each, data in run.contents.items() if each != kind}
        replace(run, contents=rest).drop(spool, run.manifest())

    return spoil


def _manifest_is(make: Callable[[Path], object]) -> Spoil:
    def spoil(spool: Path, run: Run) -> None:
        for kind, data in run.contents.items():
            (spool / run.file(kind)).write_bytes(data)
        make(spool / run.manifest_file)

    return spoil


def _make_device(path: Path) -> None:
    """/dev/zero, which has no end."""
    os.mknod(path, 0o644 | stat.S_IFCHR, os.makedev(1, 5))


def _holes(size: int) -> Spoil:
    def spoil(spool: Path, run: Run) -> None:
        manifest = run.manifest()
        manifest["artifacts"]["model"] = {"file": run.file("model"), "size": size}
        rest = {kind: data for kind, data in run.contents.items() if kind != "model"}
        (spool / run.file("model")).touch()
        os.truncate(spool / run.file("model"), size)
        replace(run, contents=rest).drop(spool, manifest)

    return spoil


def _make_socket(path: Path) -> None:
    """By a relative name: a socket's path has room for 107 bytes."""
    with _inside(path.parent), socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path.name)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)
