"""What handing a run over costs training: importing the library, and moving one large model into the spool.

    python tests/benchmarks/handover.py [--size 5e9] [--here DIR] [--elsewhere DIR]

Prints a table. HERE gets the spool and a model, ELSEWHERE, on another file system, another model. No daemon runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huracan_spool import RunWriter, export_coin_results

REPEATS = 15
BLOCK = os.urandom(16 * 1024 * 1024)
PRELOADED = "import dataclasses, datetime, hashlib, json, logging, pathlib, typing"  # as any training has them
IMPORTS = {
    "import huracan_spool": ("pass", "import huracan_spool"),
    "... import RunWriter": ("pass", "from huracan_spool import RunWriter, export_coin_results"),
    "the same, and RunWriter(...)": ("pass", "from huracan_spool import RunWriter; RunWriter('SOL/USDT')"),
    "the same, in a process that has the usual modules": (
        PRELOADED,
        "from huracan_spool import RunWriter; RunWriter('SOL/USDT')",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=5e9, help="bytes of the model [5e9]")
    parser.add_argument("--here", default=tempfile.gettempdir())
    parser.add_argument("--elsewhere", default="/dev/shm")
    options = parser.parse_args()
    for what, (before, statement) in IMPORTS.items():
        print(f"{import_time(before, statement) * 1e3:10.1f} ms  {what}")
    with (
        tempfile.TemporaryDirectory(dir=options.here) as here,
        tempfile.TemporaryDirectory(dir=options.elsewhere) as far,
    ):
        measure(Path(here), Path(far), int(options.size))


def import_time(before: str, statement: str) -> float:
    """The best of several interpreters: the others were disturbed."""
    code = f"{before}\nimport time; t = time.perf_counter()\n{statement}\nprint(time.perf_counter() - t)"
    environ = os.environ | {"HURACAN_SPOOL__PATH": "/nonexistent"}
    command = (sys.executable, "-c", code)
    runs = (subprocess.run(command, env=environ, capture_output=True, check=True) for _ in range(REPEATS))
    return min(float(run.stdout) for run in runs)


def measure(here: Path, elsewhere: Path, size: int) -> None:
    spool = here / "spool"
    spool.mkdir()
    os.environ["HURACAN_SPOOL__PATH"] = str(spool)
    os.environ.pop("HURACAN_SPOOL_DISABLED", None)
    RunWriter("SOL/USDT").discard()  # the modules are loaded, and were measured, before
    print(f"a model of {size:,} bytes, by export_coin_results:")
    for what, folder, keep, synced in (
        ("moved, same file system, already on disk", here, False, True),
        ("moved, same file system, just written (fsync writes it out)", here, False, False),
        ("kept, same file system", here, True, True),
        ("moved, from another file system", elsewhere, False, True),
    ):
        model = folder / "model.pt"
        write(model, size, synced=synced)
        with timed(what):
            submission = export_coin_results("SOL/USDT", model_path=model, keep=keep)
        assert submission.ok, submission.error
        clear(spool)
        model.unlink(missing_ok=True)
    in_the_spool(size)


def in_the_spool(size: int) -> None:
    run = RunWriter("SOL/USDT")
    write(run.path("model"), size, synced=True)
    with timed("written to run.path(), already on disk"):
        submission = run.publish()
    assert submission.ok, submission.error


def write(path: Path, size: int, *, synced: bool) -> None:
    with path.open("wb") as file:
        while (left := size - file.tell()) > 0:
            file.write(memoryview(BLOCK)[:left])
        if synced:
            os.fsync(file.fileno())


def clear(spool: Path) -> None:
    for path in spool.iterdir():
        path.unlink()


@contextmanager
def timed(what: str, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    begun = clock()
    yield
    print(f"{(clock() - begun) * 1e3:10.1f} ms  {what}", flush=True)


if __name__ == "__main__":
    main()
