"""Producers that know nothing of the library: a shell that copies, the command, and what goes wrong in one."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from swapped import in_turn
from trainer import training

from stateful.expected_tree import Facts, content_hash_of
from support.bad_runs import BadRun, bad_runs
from support.runs import Run
from support.site import Site

# The spool, a folder of files, a finished manifest, and the manifest's name.
_COPIES = 'set -eu; cp "$2"/* "$1"; cp "$3" "$1/.$4"; mv "$1/.$4" "$1/$4"'
_TWO_WRITES = 'set -eu; cp "$2"/* "$1"; exec >"$1/$4"; head -c 100 "$3"; tail -c +101 "$3"'
_MANIFEST_FIRST = 'set -eu; cp "$3" "$1/$4"; cp "$2"/* "$1"'
_SCRIPTS = (_COPIES, _TWO_WRITES, _MANIFEST_FIRST)
Trainings = Iterator[tuple[str, datetime, dict[str, Path]]]

# Cases by name: small ones, for which nobody has to be root.
_BAD = {
    *("missing", "wrong-size", "wrong-sha256", "unknown-kind", "same-file-twice"),
    *("symlink", "fifo", "folder"),
    *("empty", "not-utf8", "cut-off", "nested", "version-2", "punctuation"),
    *("duplicate-key", "not-a-number", "surrogate", "deep-metadata"),
}


@dataclass
class ShellWriter:
    """Writes into one spool; `submitted` and `bad` are its books, by the names of the runs.

    `files` are the names of models that do not bear the name of their run, `shared` is what two runs named.
    """

    site: Site
    rng: random.Random
    shared: dict[str, bytes]
    submitted: dict[str, Facts] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    bad: dict[str, BadRun] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    again: int = 0
    _kept: list[Run] = field(default_factory=list)

    @property
    def spool(self) -> Path:
        return self.site.spool

    async def write(self, per_second: float, over: asyncio.Event) -> None:
        cases = [case for case in bad_runs() if case.run.name in _BAD]
        with TemporaryDirectory(dir=self.spool.parent) as desk:
            trainings = training(self.rng, Path(desk) / "samples")
            while not over.is_set():
                async with in_turn(self.spool):
                    await self._write(cases, trainings, Path(desk))
                await _pause(self.rng.expovariate(per_second), over)

    async def _write(self, cases: Sequence[BadRun], trainings: Trainings, desk: Path) -> None:
        kind = self.rng.random()
        if kind < 0.15:
            self._bad(self.rng.choice(cases))
        elif kind < 0.3:
            self._pair(trainings)
        elif kind < 0.4 and (settled := self._settled()):
            self.again += 1
            await self._submit(desk, self.rng.choice(settled))
        else:
            self._kept = [*self._kept[-20:], self._run(*next(trainings))]
            await self._submit(desk, self._kept[-1])

    def _run(self, symbol: str, trained_at: datetime, files: dict[str, Path]) -> Run:
        name = f"shell-{len(self.submitted)}_{trained_at:%Y%m%d_%H%M%S}"
        return Run(name, symbol, trained_at, {kind: path.read_bytes() for kind, path in files.items()})

    async def _submit(self, desk: Path, run: Run) -> None:
        self.submitted[run.name] = facts_of(run)
        with TemporaryDirectory(dir=desk) as folder:
            for kind, data in run.contents.items():
                (Path(folder) / run.file(kind)).write_bytes(data)
            if self.rng.random() < 0.2:
                await self._by_command(Path(folder), run)
            else:
                paper = desk / run.manifest_file
                paper.write_text(json.dumps(run.manifest()))
                await self._by_script(Path(folder), run, paper)
                paper.unlink()

    async def _by_command(self, folder: Path, run: Run) -> None:
        files = [word for kind in run.contents for word in (f"--{kind}", str(folder / run.file(kind)))]
        moment = run.manifest()["trained_at"]
        done = await self.site.command("submit", run.symbol, "--trained-at", moment, "--run", run.name, *files)
        if done.code != 0:
            self.problems.append(f"submit {run.name}: {done.code} {done.err}")

    async def _by_script(self, folder: Path, run: Run, paper: Path) -> None:
        script = self.rng.choice(_SCRIPTS)
        arguments = (str(self.spool), str(folder), str(paper), run.manifest_file)
        shell = await asyncio.create_subprocess_exec("sh", "-c", script, "sh", *arguments)
        if code := await shell.wait():
            self.problems.append(f"{script}: {code}")

    def _pair(self, trainings: Trainings) -> None:
        """Two manifests that name the same file, there before either of them."""
        first, second = self._run(*next(trainings)), self._run(*next(trainings))
        kind = self.rng.choice(sorted(first.contents))
        contents = {**second.contents, kind: first.contents[kind]}
        self.shared[first.file(kind)] = first.contents[kind]
        pair = (first, replace(second, name=f"{second.name}-twin", contents=contents))
        for run in pair:
            manifest = run.manifest()
            manifest["artifacts"][kind]["file"] = first.file(kind)
            for each, data in run.contents.items():
                (self.spool / manifest["artifacts"][each]["file"]).write_bytes(data)
            (self.spool / f".{run.manifest_file}").write_text(json.dumps(manifest))
            self.submitted[run.name] = facts_of(run)
            if "model" in run.contents:
                self.files[run.name] = manifest["artifacts"]["model"]["file"]
        for run in pair:
            (self.spool / f".{run.manifest_file}").rename(self.spool / run.manifest_file)

    def _settled(self) -> list[Run]:
        """Runs that may be handed over once more under their own names: they are in the store already."""
        return [run for run in self._kept if self._is_uploaded(run.name)]

    def _is_uploaded(self, name: str) -> bool:
        """And nobody will have it tried again."""
        if (self.spool / f"{name}.manifest.json").exists() or (self.spool / "failed" / name).exists():
            return False
        with suppress(FileNotFoundError):
            return bool(self.site.receipt(name)["status"] == "uploaded")
        return False

    def _bad(self, case: BadRun) -> None:
        spoiled = replace(case, run=replace(case.run, name=f"{case.run.name}-{len(self.bad)}"))
        self.bad[spoiled.run.name] = spoiled
        spoiled.drop(self.spool)


def facts_of(run: Run) -> Facts:
    hashes = {kind: content_hash_of(data) for kind, data in run.contents.items()}
    return Facts(run.symbol, run.trained_at, hashes)


async def _pause(seconds: float, over: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), seconds)
