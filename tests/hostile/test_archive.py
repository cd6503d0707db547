"""A local archive in which somebody has put things at the places of a run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from support.canaries import untouched
from support.runs import make_run
from support.site import Site
from support.trees import archived, expected, without_records

IMPATIENT = {"retry.run_first": "0.1s", "retry.run_max": "0.1s"}


async def test_links_and_pipes_in_the_way_are_put_aside_and_not_followed(site: Site) -> None:
    """One to a file, one to nothing, one that would keep a reader for ever, one for the run's own record."""
    site.settings |= IMPATIENT
    run = make_run()
    outside = site.home / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    day = site.archive / "models/training/2025-11-12/SOL-USDT"
    for folder in ("model", "metrics", "results"):
        (day / folder).mkdir(parents=True)
    (day / "model/model.bin").symlink_to(outside / "secret")
    (day / "model/model_metadata.json").symlink_to(outside / "secret")
    (day / "results/trades.csv").symlink_to(outside / "nothing")
    os.mkfifo(day / "metrics/training_metrics.json")
    with untouched(outside):
        async with site.daemon() as daemon:
            run.publish(site.spool)
            await daemon.settled(run.name)
    aside = {path.name: path for path in _leaves(day / "superseded")}
    assert {name: stat.S_IFMT(path.lstat().st_mode) for name, path in aside.items()} == {
        "model.bin": stat.S_IFLNK,
        "model_metadata.json": stat.S_IFLNK,
        "trades.csv": stat.S_IFLNK,
        "training_metrics.json": stat.S_IFIFO,
    }
    for path in aside.values():
        path.unlink()
    assert without_records(archived(site.archive)) == expected([run], {run.name: site.receipt(run.name)["digest"]})


def _leaves(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
