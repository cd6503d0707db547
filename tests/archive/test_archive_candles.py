"""The shared candles as one series: one row per timestamp, the newest file's."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from kept_runs import Kept

from huracan_spool.archive.archive import Archive, RunNotFound
from huracan_spool.archive.candles import NoCandles, gaps, merged
from huracan_spool.manifest import Kind
from support.planting import Planted

START = datetime(2025, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def frame(minutes: list[int], price: float, time: str = "ts") -> pl.DataFrame:
    moments = [START + minute * MINUTE for minute in minutes]
    return pl.DataFrame(
        {time: moments, "open": price, "close": [price + minute / 1000 for minute in minutes]},
        schema_overrides={time: pl.Datetime("us", "UTC")},
    )


def written(folder: Path, *frames: pl.DataFrame) -> list[Path]:
    paths = [folder / f"{number}.parquet" for number in range(len(frames))]
    for path, each in zip(paths, frames, strict=True):
        each.write_parquet(path)
    return paths


def naive(frames: list[pl.DataFrame]) -> list[tuple[datetime, float]]:
    """By a dictionary: later files replace what earlier ones say."""
    rows: dict[datetime, float] = {}
    for each in frames:
        rows |= dict(each.select("ts", "open").rows())
    return sorted(rows.items())


@pytest.mark.parametrize("seed", range(30))
def test_the_newest_file_wins_and_what_it_lacks_comes_from_older_ones(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    frames = []
    for price in range(rng.randint(1, 6)):
        begin, length = rng.randrange(40), rng.randint(1, 30)
        step = rng.choice((1, 1, 5))
        minutes = [begin + step * number for number in range(length) if rng.random() < rng.choice((0.8, 1.0, 1.0))]
        frames.append(frame(minutes + rng.choice(([], minutes[:1])), float(price)))

    found = merged(written(tmp_path, *frames)).collect()

    assert found.select("ts", "open").rows() == naive(frames)


def test_a_hole_and_a_double_are_not_a_whole_series(tmp_path: Path) -> None:
    """As many rows as minutes, and yet one minute is missing: it comes from the older file."""
    older, newer = frame([0, 1, 2, 3], 1.0), frame([0, 1, 1, 3], 2.0)

    found = merged(written(tmp_path, older, newer)).collect()

    assert found["open"].to_list() == [2.0, 2.0, 1.0, 2.0]


def test_times_may_have_other_names_and_types(tmp_path: Path) -> None:
    moments = [START, START + MINUTE]
    milliseconds = pl.DataFrame({"timestamp": [int(m.timestamp() * 1000) for m in moments], "open": [1.0, 1.0]})
    naive_times = pl.DataFrame({"time": [m.replace(tzinfo=None) + 2 * MINUTE for m in moments], "open": [2, 2]})
    texts = pl.DataFrame({"datetime": [(m + 4 * MINUTE).isoformat() for m in moments], "open": [3.0, 3.0]})
    both = pl.DataFrame(
        {"timestamp": [1, 2], "ts": [m + 6 * MINUTE for m in moments], "open": [4.0, 4.0], "extra": ["a", "b"]}
    )

    found = merged(written(tmp_path, milliseconds, naive_times, texts, both)).collect()

    assert found["ts"].to_list() == [START + number * MINUTE for number in range(8)]
    assert found["open"].to_list() == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]
    assert found.columns == ["ts", "open", "extra"]


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_whole_numbers_may_count_seconds_or_parts_of_them(factor: int, tmp_path: Path) -> None:
    times = [int((START + minute * MINUTE).timestamp()) * factor for minute in range(3)]

    found = merged(written(tmp_path, pl.DataFrame({"Timestamp": times, "open": [1.0, 2.0, 3.0]}))).collect()

    assert found["ts"].to_list() == [START + minute * MINUTE for minute in range(3)]


def test_a_file_without_times_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoCandles, match="none of ts, timestamp"):
        merged(written(tmp_path, pl.DataFrame({"price": [1.0]})))


def test_what_newer_files_have_is_not_read_from_older_ones(tmp_path: Path) -> None:
    paths = written(tmp_path, frame(list(range(100)), 1.0), frame(list(range(50, 150)), 2.0))
    candles = merged(paths)
    covered = merged([paths[0], *written(tmp_path / "..", frame(list(range(200)), 3.0))])

    assert candles.collect()["open"].to_list() == [1.0] * 50 + [2.0] * 100
    assert str(paths[0]) not in covered.explain()


def test_holes_are_told_by_the_usual_step(tmp_path: Path) -> None:
    found = gaps(merged(written(tmp_path, frame([0, 5, 10, 15, 30, 35, 45], 1.0))))

    assert found.rows() == [
        (START + 15 * MINUTE, START + 30 * MINUTE, 2),
        (START + 35 * MINUTE, START + 45 * MINUTE, 1),
    ]
    assert gaps(merged(written(tmp_path, frame([7], 1.0)))).is_empty()


def candles_of(minutes: list[int], price: float) -> bytes:
    buffer = io.BytesIO()
    frame(minutes, price).write_parquet(buffer)
    return buffer.getvalue()


def test_an_archive_merges_the_shared_candles_of_a_symbol(kept: Kept, archive: Archive) -> None:
    kept.plant(
        Planted(trained_at="2025-11-02T00:00:00Z", files={Kind.CANDLES: candles_of([0, 1, 2], 1.0)}),
        Planted(trained_at="2025-11-03T00:00:00Z", files={Kind.CANDLES: candles_of([2, 3, 5], 2.0)}),
        Planted(symbol="BTC/USDT", files={Kind.CANDLES: candles_of([9], 9.0)}),
    )

    assert archive.candles("SOL/USDT").collect()["open"].to_list() == [1.0, 1.0, 2.0, 2.0, 2.0]
    assert archive.candle_gaps("SOL/USDT")["missing"].to_list() == [1]
    folder = archive.candles_folder("SOL/USDT")
    assert sorted(path.name for path in folder.iterdir()) == [
        "SOL_USDT_20251102_000000_candles.parquet",
        "SOL_USDT_20251103_000000_candles.parquet",
    ]
    assert pl.scan_parquet(folder / "*.parquet").collect().height == 6
    own = archive.latest("SOL/USDT").candles()
    assert own is not None
    assert own["open"].to_list() == [2.0, 2.0, 2.0]
    with pytest.raises(RunNotFound, match="no candles of ADA-USDT"):
        archive.candles("ADA/USDT")
