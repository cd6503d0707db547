"""Names that some system refuses, confuses or folds together: the daemon's own names never depend on them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huracan_spool.emulator import Emulator
from support.runs import Run, make_run, only
from support.site import Site
from support.trees import expected, remote, without_records

# Dropbox takes none of them as a file's name, or folds them into another (help.dropbox.com, file names).
REFUSED = (
    "desktop.ini",
    "thumbs.db",
    "Icon",
    "con",
    'a<b>:c"d|e?f*',
    "ends with a dot.",
    "ends with a blank ",
    "~$draft",
    "x" * 255,
    "\U0001f4c8\u200b\u202e",
    unicodedata.normalize("NFC", "\u00e9.csv"),
    unicodedata.normalize("NFD", "\u00e9.csv"),
    "E\u0301.CSV",
)


@dataclass(frozen=True)
class Named:
    """A run of one artifact under a name of our choice."""

    run: Run
    file: str

    def drop(self, spool: Path) -> None:
        manifest: Mapping[str, Any] = self.run.manifest() | {"artifacts": {"trades": self.file}}
        (spool / self.file).write_bytes(self.run.contents["trades"])
        replace(self.run, contents={}).drop(spool, manifest)


async def test_no_files_name_reaches_the_store(connected: Site, dropbox: Emulator) -> None:
    base = only(make_run(), "trades")
    named = [Named(replace(base, name=f"r{n}", symbol=f"S{n}/X"), file) for n, file in enumerate(REFUSED)]
    async with connected.daemon() as daemon:
        for each in named:
            each.drop(connected.spool)
        await daemon.settled(*(each.run.name for each in named))
    assert daemon.complaints == []
    assert connected.in_spool() == set()
    digests = {each.run.name: connected.receipt(each.run.name)["digest"] for each in named}
    assert without_records(remote(dropbox)) == expected([each.run for each in named], digests)


async def test_runs_whose_names_and_symbols_differ_by_case_alone_are_runs_of_their_own(
    connected: Site, dropbox: Emulator
) -> None:
    """Their folder is one and the same, for the symbol is; so one of them is superseded."""
    spelled = {"run": "sol/usdt", "RUN": "SOL/USDT", "Run": "Sol:Usdt", "rUn": "SOL-usdt"}
    runs = [replace(make_run(n), name=name, symbol=symbol) for n, (name, symbol) in enumerate(spelled.items())]
    async with connected.daemon() as daemon:
        for run in runs:
            run.drop(connected.spool)
        await daemon.settled(*spelled)
    assert connected.receipts() == set(spelled)
    digests = {name: connected.receipt(name)["digest"] for name in spelled}
    same = [replace(run, symbol="SOL/USDT") for run in runs]
    assert without_records(remote(dropbox)) == expected(same, digests)


async def test_files_whose_names_differ_by_case_or_form_alone_stay_apart(site: Site) -> None:
    """A second run's clean-up takes its own file away, and not the one that only looks like it."""
    base = only(make_run(), "trades")
    composed, decomposed = REFUSED[-3:-1]
    async with site.daemon() as daemon:
        (site.spool / composed).write_bytes(b"in nobody's manifest")
        Named(base, decomposed).drop(site.spool)
        await daemon.settled(base.name)
    assert site.in_spool() == {composed}
