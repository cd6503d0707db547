"""The books at the end: every run that was handed over, against the store, the spools and the receipts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shell_writers import ShellWriter

from huracan_spool.emulator import Emulator
from stateful.expected_tree import Facts, content_hash_of, differences
from support.site import Site

KEPT_MODELS = 3  # of a symbol, as the configuration has it by default
_NOT_THERE = {"missing_artifact"}  # codes of runs whose model never was


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
        yield from self.shell.problems
        yield from (f"not handed over: {line}" for line in self.trainings if line["error"])
        yield from self._wrong_in_spool()
        yield from self._wrong_receipts()
        yield from self._wrong_failures()
        yield from self._wrong_models()

    def _wrong_in_spool(self) -> Iterator[str]:
        """Only what bad runs left, byte for byte."""
        left = {
            case.run.file(kind): data
            for case in self.shell.bad.values()
            for kind, data in case.run.contents.items()
            if case.run.file(kind) not in case.moved()
        }
        found = self.site.in_spool()
        for name in found:
            if name not in left:
                yield f"still in the spool: {name}"
            elif (self.site.spool / name).read_bytes() != left[name]:
                yield f"touched: {name}"
        absent = {case.run.file("model") for case in self.shell.bad.values() if case.code in _NOT_THERE}
        yield from (f"deleted: {name}" for name in left if name not in found | absent)

    def _wrong_receipts(self) -> Iterator[str]:
        submitted = self.submitted()
        for name, digests in submitted.items():
            try:
                receipt = self.site.receipt(name)
            except FileNotFoundError:
                yield f"no receipt: {name}"
                continue
            if receipt["status"] != "uploaded" or receipt["digest"] not in digests:
                yield f"a false receipt for {name}: {receipt['status']} {receipt['digest']}"
        strangers = self.site.receipts() - submitted.keys() - self.shell.bad.keys()
        yield from (f"nobody's receipt: {name}" for name in strangers)

    def _wrong_failures(self) -> Iterator[str]:
        found = self.site.in_failed()
        for name in found:
            if not found[name]:  # a kill before anything moved: the next failure of that name takes it
                continue
            code = self.site.reason(name)["code"]
            if name not in self.shell.bad or self.shell.bad[name].code != code:
                yield f"failed: {name} {code}"
        for name, case in self.shell.bad.items():
            wanted = case.moved() | {"reason.json"}
            if found.get(name) != wanted:
                yield f"failed/{name} has {sorted(found.get(name, ()))}, not {sorted(wanted)}"

    def _wrong_models(self) -> Iterator[str]:
        """The newest of each symbol that this host uploaded, and no others."""
        uploaded: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for name, digests in self.submitted().items():
            file = self.shell.files.get(name, f"{name}_model.pt")
            for facts in digests.values():
                if "model" in facts.hashes:
                    uploaded[facts.folder][f"{facts.folder}/{facts.stamp}_{file}"] = facts.hashes["model"]
        newest = {path: models[path] for models in uploaded.values() for path in sorted(models)[-KEPT_MODELS:]}
        kept = {path: content_hash_of(data) for path, data in self.site.kept_models().items()}
        yield from (f"not kept: {path}" for path in newest if kept.get(path) != newest[path])
        yield from (f"kept: {path}" for path in kept.keys() - newest.keys())


def store_problems(emulator: Emulator, hosts: Sequence[HostBooks]) -> Iterator[str]:
    runs = {
        digest: facts for books in hosts for named in books.submitted().values() for digest, facts in named.items()
    }
    yield from differences(emulator.tree(), list(runs.values()))
    yield from (
        f"overwritten or deleted: {write}" for write in emulator.writes if write.op in {"overwrite", "delete"}
    )
