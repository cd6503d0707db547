"""An archive on a disk of its own, which loses its power after the daemon has promised that a run is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from crash.disk import Disk, FileSystem
from crash.scenes import SCENES, Instant, Stage, compiled, folder, staged
from support.trees import archived, expected, without_records

SCENE = next(scene for scene in SCENES if scene.name == "archive")


def archive_on(stage: Stage, disk: Disk) -> Path:
    archive = disk.mounted / "archive"
    stage.site.settings["archive.path"] = str(archive)
    return archive / "Huracan"


async def after_the_last_name(home: Path, killer: Path) -> Instant:
    """The call that follows the last file's getting its name in the archive: it has no name that would last."""
    async with staged(SCENE, home, killer) as stage:
        with Disk(stage.site.home) as disk:
            archive_on(stage, disk)
            async with stage.site.launched(*stage.wrapper()) as daemon:
                await daemon.logged("temp_files_cleaned_up")
        calls = stage.log.read_text().splitlines()
    named = [number for number, call in enumerate(calls, 1) if call.startswith("rename mounted/")]
    return Instant("call", named[-1] + 1, calls[named[-1]])


@pytest.mark.parametrize("file_system", ["ext4", "xfs", "btrfs"])
async def test_what_a_killed_daemon_had_named_lasts_once_its_successor_says_so(
    tmp_path: Path, file_system: FileSystem
) -> None:
    killer = compiled(tmp_path)
    instant = await after_the_last_name(folder(tmp_path, "undisturbed"), killer)
    async with staged(SCENE, folder(tmp_path, "killed"), killer) as stage:
        with Disk(stage.site.home, file_system) as disk:
            archive = archive_on(stage, disk)
            async with stage.site.launched(*stage.wrapper(instant)) as first:
                assert await first.ended() == -9
            assert not stage.site.receipts()
            async with stage.site.daemon() as second:
                await second.logged("temp_files_cleaned_up")
            disk.lose_power()
            digests = {run.name: stage.site.receipt(run.name)["digest"] for run in stage.runs}
            assert without_records(archived(archive)) == expected(stage.runs, digests)
