"""The books at the end: every run that was handed over, against the store, the spools and the receipts."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from shell_writers import ShellWriter
from stateful.expected_tree import Facts, differences

from huracan_spool.emulator import Emulator
from support.site import Site


@dataclass
class HostBooks:
    """What one host's producers handed over. `trainings` are the lines of its training processes."""

    site: Site
    shell: ShellWriter
    trainings: list[dict[str, Any]] = field(default_factory=list)

    def submitted(self) -> dict[str, dict[str, Facts]]:
        """By name and digest: a name that is free again is used again."""
        named: defaultdict[str, dict[str, Facts]] = defaultdict(dict)
        for line in self.trainings:
            facts = Facts(line["symbol"], datetime.fromisoformat(line["trained_at"]), line["hashes"])
            named[line["run"]][facts.digest] = facts
        for name, facts in self.shell.submitted.items():
            named[name][facts.digest] = facts
        return named

    def problems(self) -> Iterator[str]:
        yield from (f"not handed over: {line}" for line in self.trainings if line["error"])
        yield from self._wrong_in_spool()
        yield from self._wrong_receipts()
        yield from self._wrong_failures()

    def _wrong_in_spool(self) -> Iterator[str]:
        """Only what bad runs left, byte for byte."""
        left = {
            case.run.file(kind): data
            for case in self.shell.bad.values()
            for kind, data in case.run.contents.items()
            if case.run.file(kind) not in case.moved()
        }
        for name in self.site.in_spool():
            if name not in left:
                yield f"still in the spool: {name}"
            elif (self.site.spool / name).read_bytes() != left[name]:
                yield f"touched: {name}"
        absent = {case.run.file("model") for case in self.shell.bad.values() if case.code == "missing_artifact"}
        yield from (f"deleted: {name}" for name in left if name not in self.site.in_spool() | absent)

    def _wrong_receipts(self) -> Iterator[str]:
        for name, digests in self.submitted().items():
            try:
                receipt = self.site.receipt(name)
            except FileNotFoundError:
                yield f"no receipt: {name}"
                continue
            if receipt["status"] != "uploaded" or receipt["digest"] not in digests:
                yield f"a false receipt for {name}: {receipt['status']} {receipt['digest']}"

    def _wrong_failures(self) -> Iterator[str]:
        failed = {name: self.site.reason(name)["code"] for name in self.site.in_failed()}
        expected = {name: case.code for name, case in self.shell.bad.items()}
        yield from (f"failed: {name} {code}" for name, code in failed.items() if expected.get(name) != code)
        yield from (f"not in failed/: {name}" for name in expected.keys() - failed.keys())
        for name, case in self.shell.bad.items():
            found = self.site.in_failed().get(name, set())
            wanted = case.moved() | {"reason.json"}
            if case.code == "missing_artifact":
                wanted -= {case.run.file("model")}
            if found != wanted:
                yield f"failed/{name} has {sorted(found)}, not {sorted(wanted)}"


def store_problems(emulator: Emulator, hosts: list[HostBooks]) -> Iterator[str]:
    runs = {
        digest: facts for books in hosts for named in books.submitted().values() for digest, facts in named.items()
    }
    yield from differences(emulator.tree(), list(runs.values()))
    overwritten = [write for write in emulator.writes if write.op in {"overwrite", "delete"}]
    yield from (f"overwritten or deleted: {write}" for write in overwritten)


def left_alive(home: Path) -> Iterator[str]:
    """Processes that belong to a daemon of this soak and outlived it."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"HURACAN_STATE_DIR={home}/".encode() in environ and state != "Z":
            yield f"still alive: {pid}"


def parse(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]
