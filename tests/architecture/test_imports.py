"""Imports point one way, and each library has one home."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import huracan_spool

ROOT = Path(huracan_spool.__file__).parent
PACKAGE = "huracan_spool"

VOCABULARY = {"errors", "codes", "manifest", "layout", "content_hash"}

# What each part may import of ours; a name stands for itself and everything below it.
MAY_IMPORT = {
    **dict.fromkeys(sorted(VOCABULARY), VOCABULARY),
    "record": VOCABULARY | {"spool.files"},
    "receipt": VOCABULARY | {"spool.files"},
    "due_queue": set(),
    "gate": set(),
    "outcome": set(),
    "retry": VOCABULARY,
    "threads": set(),
    "measures": set(),
    "standing": set(),
    "activity": VOCABULARY | {"measures", "receipt", "recent"},
    "emulator": {"emulator"},
    "install": {"install", "errors"},
    "pulse": {"activity", "standing"},
    "systemd": set(),
}

DAEMON = {"pipeline", "service", "settings", "wiring", "daemon", "cli"}
PRODUCER = ("producer",)

# The last item of a rule is what is excepted from it.
NEVER_IMPORTS = [
    ("spool", DAEMON | {"stores"}, set()),
    ("stores", DAEMON | {"emulator"}, set()),
    ("emulator", {"stores"}, set()),
    *((part, DAEMON | {"stores", "spool.directory", "ledger", "inspection"}, set()) for part in PRODUCER),
    ("stores.local", {"stores.dropbox"}, set()),
    ("stores.dropbox", {"stores.local"}, set()),
    ("pipeline", {"stores.local", "stores.dropbox", "settings", "service"}, set()),
    ("service", {"stores.local", "stores.dropbox", "settings"}, set()),
    ("pushing", DAEMON | {"stores.local", "emulator", "http", "inspection"}, set()),
    ("http", DAEMON | {"stores"}, set()),
    ("", {"http"}, {"http", "wiring"}),
    ("", {"settings"}, {"settings", "connecting", "wiring", "daemon", "doctor", "cli", "archive.opening"}),
    ("", {"wiring"}, {"wiring", "daemon", "doctor", "cli"}),
    ("", {"doctor"}, {"doctor", "cli"}),
    ("", {"cli"}, {"cli", "__main__"}),
    ("", {"emulator"}, {"emulator", "cli.emulator", "demo"}),
    ("", {"archive"}, {"archive", "cli"}),
]

HOMES = {
    "aiohttp": {"stores.dropbox.transport", "emulator", "http"},
    "yarl": {"stores.dropbox", "emulator"},
    "dropbox": {"stores.dropbox", "emulator"},
    "stone": {"stores.dropbox", "emulator"},
    "trustme": {"emulator"},
    "watchdog": {"watcher"},
    "tenacity": {"retry"},
    # pipeline, service, http.view and pushing.through catch its errors
    "sqlite3": {
        "archive.index",
        "ledger",
        "doctor",
        "ledger_file",
        "spool.index",
        "pauses",
        "pipeline",
        "service",
        "http.view",
        "pushing.through",
    },
    "yaml": {"settings"},
    "click": {"cli"},
    "rich": {"cli"},
    "polars": {"samples", "inspection", "archive", "cli.runs"},
    "altair": {"archive.report"},
    "vl_convert": {"archive.report.rendering"},
    "pyarrow": {"samples", "inspection", "archive"},
    "structlog": {""},
}
HEAVY = {"polars", "pyarrow", "altair", "vl_convert"}


@dataclass(frozen=True)
class Import:
    """One name imported; `at_once` when it happens as the importing module is loaded.

    What is imported for the type checker alone is not loaded at all, so it is none.
    """

    importer: str
    imported: str
    at_once: bool


def module_name(path: Path) -> str:
    """`spool.files`, or the empty name for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def imports() -> frozenset[Import]:
    return frozenset(found for name, path in MODULES.items() for found in _imports_of(name, path))


def _imports_of(importer: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text())
    for_types = {node for outer in ast.walk(tree) if _is_for_types(outer) for node in ast.walk(outer)}
    inside = {
        node
        for outer in ast.walk(tree)
        if isinstance(outer, _FUNCTION)
        for node in ast.walk(outer)
        if node is not outer
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        at_once = node not in inside
        if isinstance(node, ast.Import):
            yield from (Import(importer, alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield Import(importer, name if _ours(name) in MODULES else str(node.module), at_once)


_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _ours(name: str) -> str | None:
    """The name below the package; None for what is not ours."""
    if name == PACKAGE:
        return ""
    return name.removeprefix(f"{PACKAGE}.") if name.startswith(f"{PACKAGE}.") else None


def own_imports() -> Iterator[tuple[str, str]]:
    for each in imports():
        imported = _ours(each.imported)
        if imported is not None:
            yield each.importer, imported


def within(module: str, parts: set[str]) -> bool:
    return any(module == part or module.startswith(f"{part}.") or not part for part in parts)


def test_every_import_of_ours_is_a_module() -> None:
    assert [pair for pair in own_imports() if pair[1] not in MODULES] == []


@pytest.mark.parametrize(("part", "allowed"), MAY_IMPORT.items(), ids=MAY_IMPORT.keys())
def test_what_a_part_may_import(part: str, allowed: set[str]) -> None:
    wrong = {
        pair for pair in own_imports() if within(pair[0], {part}) and pair[1] not in allowed and pair[0] != pair[1]
    }

    assert {pair for pair in wrong if not within(pair[1], allowed)} == set()


@pytest.mark.parametrize(("part", "forbidden", "excepted"), NEVER_IMPORTS)
def test_what_a_part_never_imports(part: str, forbidden: set[str], excepted: set[str]) -> None:
    wrong = {
        (importer, imported)
        for importer, imported in own_imports()
        if within(importer, {part}) and within(imported, forbidden) and not within(importer, excepted)
    }

    assert wrong == set()


def test_there_are_no_cycles() -> None:
    """Not even through a package: importing `a.b` loads `a` first."""
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for each in imports():
        imported = _ours(each.imported)
        if imported is not None and each.at_once and imported != each.importer:
            graph[each.importer].add(imported)

    assert list(TopologicalSorter(graph).static_order())


def test_each_library_has_its_home() -> None:
    strangers = {
        (each.importer, each.imported)
        for each in imports()
        if _ours(each.imported) is None
        and not within(each.importer, HOMES.get(_library(each), set()))
        and (_library(each) in HOMES or _library(each) not in sys.stdlib_module_names)
    }

    assert strangers == set()


def test_data_frames_are_loaded_where_they_are_used() -> None:
    """At the head of a file only where the daemon is not: in inspection, a process of its own, and the archive."""
    at_once = {each.importer for each in imports() if _library(each) in HEAVY and each.at_once}

    assert {importer for importer in at_once if not within(importer, {"inspection", "archive"})} == set()


def _library(each: Import) -> str:
    return each.imported.partition(".")[0]


def loaded_by(statement: str) -> set[str]:
    """The top-level modules of a fresh interpreter after a statement."""
    program = f"import sys; {statement}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in answer.stdout.split()}


@pytest.mark.parametrize("module", [PACKAGE, f"{PACKAGE}.producer.export"])
def test_training_loads_the_standard_library_and_little_of_that(module: str) -> None:
    loaded = loaded_by(f"import {module}")

    assert {name for name in loaded if name not in sys.stdlib_module_names} <= loaded_by("pass") | {PACKAGE}
    assert loaded.isdisjoint({"asyncio", "sqlite3", "ssl", "socket", "subprocess"})


def test_the_daemon_loads_no_data_frames() -> None:
    assert loaded_by(f"import {PACKAGE}.daemon").isdisjoint(HEAVY)
