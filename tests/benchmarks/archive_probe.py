"""One step of the archive's benchmark, in a process of its own."""

# ruff: noqa: PLC0415  each step loads what it needs, as its user would
from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

STEP = 100_000


def listing() -> None:
    from huracan_spool import Archive

    with Archive.open() as archive:
        began = time.monotonic()
        symbols = archive.symbols()
        print(f"{time.monotonic() - began:.2f} s for {archive} with {len(symbols)} symbols")


def metrics(count: int) -> None:
    from huracan_spool import Archive

    with Archive.open() as archive:
        began = time.monotonic()
        read = 0
        for symbol in archive.symbols():
            if read >= count:
                break
            read += len(archive.runs(symbol))
        seconds = time.monotonic() - began
        print(f"{seconds:.2f} s for the metrics of {read} runs, {read / seconds:.1f} a second")


def again() -> None:
    """A new process: what has been read before and nothing else."""
    from huracan_spool import Archive

    with Archive.open() as archive:
        symbol = archive.symbols()[0]
        began = time.monotonic()
        frame = archive.runs(symbol)
        print(f"{time.monotonic() - began:.3f} s for a symbol, {frame.shape}")


def warm() -> None:
    """All runs, of whatever metrics are known: the store is asked what has changed, and no document is fetched."""
    from huracan_spool import Archive
    from huracan_spool.archive import archive as module

    async def nothing(*_: object) -> None: ...

    module.read_metrics = nothing  # type: ignore[assignment]
    with Archive.open() as archive:
        for _ in range(3):
            began = time.monotonic()
            frame = archive.runs()
            print(f"{time.monotonic() - began:.3f} s for all, {frame.shape}")
            time.sleep(2.1)


def write(files: int) -> None:
    import polars as pl

    first = datetime(2025, 1, 1, tzinfo=UTC)
    folder = Path("candles")
    folder.mkdir()
    began = time.monotonic()
    last = first + timedelta(minutes=files * 1440 + STEP - 1)
    everything = pl.select(ts=pl.datetime_range(first, last, "1m", time_zone="UTC"))
    for name in ("open", "high", "low", "close", "volume"):
        everything = everything.with_columns(
            (pl.int_range(pl.len()).hash(seed=len(name)) % 10_000 / 100).alias(name)
        )
    for day in range(files):
        everything.slice(day * 1440, STEP).write_parquet(folder / f"{day:03}.parquet")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{files} files of {STEP} candles, {size / 2**20:.0f} MiB, written in {time.monotonic() - began:.0f} s")


def merge() -> None:
    from huracan_spool.archive.candles import gaps, merged

    paths = sorted(Path("candles").iterdir())
    began = time.monotonic()
    lazy = merged(paths)
    planned = time.monotonic()
    frame = lazy.collect()
    print(f"{planned - began:.2f} s to plan, {time.monotonic() - planned:.2f} s to read, {frame.shape}")
    began = time.monotonic()
    print(f"{len(gaps(lazy))} gaps, {time.monotonic() - began:.2f} s")


if __name__ == "__main__":
    name, _, number = sys.argv[1].partition("=")
    steps = {"listing": listing, "metrics": metrics, "again": again, "warm": warm, "write": write, "merge": merge}
    steps[name](*([int(number)] if number else []))
