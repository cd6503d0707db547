"""Kill the daemon at every instant of every scene: `python tests/crash/explore.py [--scene NAME] [--workers 2]`.

With `--moment power --file-system btrfs` only the power is cut, on a disk of another kind.

Prints what does not survive, and for each scene the number of instants.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).parents[1]))

from crash.disk import FileSystem
from crash.scenes import SCENES, Instant, Moment, Scene, compiled, instants, survive


@dataclass
class Exploration:
    home: Path
    killer: Path
    slots: asyncio.Semaphore
    moment: str | None
    every: int
    file_system: FileSystem

    async def of(self, scenes: Sequence[Scene]) -> int:
        """How many instants were not survived."""
        return sum([(await self._all_of(scene))["failed"] for scene in scenes])

    async def _all_of(self, scene: Scene) -> Counter[str]:
        began = time.monotonic()
        found = await instants(scene, self._folder(f"{scene.name}, undisturbed"), self.killer)
        todo = [each for each in found if self.moment in {None, each.moment}][:: self.every]
        outcomes = Counter(await asyncio.gather(*[self._one(scene, instant) for instant in todo]))
        print(f"{scene.name}: {len(todo)} instants, {dict(outcomes)}, {time.monotonic() - began:.0f} s", flush=True)
        return outcomes

    async def _one(self, scene: Scene, instant: Instant) -> str:
        async with self.slots:
            folder = self._folder(f"{scene.name}, {instant.moment} {instant.number}")
            try:
                died = await survive(scene, instant, folder, self.killer, file_system=self.file_system)
            except (AssertionError, OSError, KeyError, ValueError) as error:
                print(f"FAILED {scene.name}: {instant}: {str(error)[:2000]}", flush=True)
                return "failed"
            shutil.rmtree(folder)
            return instant.moment if died else "did not come"

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir()
        return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", help="only those whose name contains it")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--moment", choices=get_args(Moment), help="only instants of this kind")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th of them")
    parser.add_argument("--file-system", choices=get_args(FileSystem), default="ext4", help="of the disk")
    options = parser.parse_args()
    scenes = [scene for scene in SCENES if options.scene is None or options.scene in scene.name]
    with tempfile.TemporaryDirectory(prefix="huracan-spool-crash-") as home:
        exploration = Exploration(
            Path(home),
            compiled(Path(home)),
            asyncio.Semaphore(options.workers),
            options.moment,
            options.every,
            options.file_system,
        )
        failed = asyncio.run(exploration.of(scenes))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
