"""The README's program, and how the pipeline's own notebooks read a run."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from kept_runs import Kept

from huracan_spool.archive.archive import Archive
from huracan_spool.manifest import Kind
from huracan_spool.samples import SMALL, moment, write_sample
from support.planting import Planted

README = Path(__file__).parents[2] / "README.md"


def sample(folder: Path, trained_at: str, seed: int) -> Planted:
    folder.mkdir()
    paths = write_sample(folder, moment(trained_at), seed, SMALL)
    return Planted(
        trained_at=f"{trained_at}Z", metrics=None, files={kind: p.read_bytes() for kind, p in paths.items()}
    )


@pytest.fixture
def _samples(kept: Kept, tmp_path: Path) -> None:
    days = ("2025-11-11T16:49:20", "2025-11-12T16:49:20")
    kept.plant(*(sample(tmp_path / str(seed), day, seed) for seed, day in enumerate(days)))


@pytest.mark.usefixtures("_samples")
def test_the_readme_s_program_runs(kept: Kept, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(from huracan_spool import Archive\n.*?)```", README.read_text(), re.DOTALL)
    kept.open(monkeypatch).close()  # for its environment
    names: dict[str, object] = {}

    exec(program.replace("/data/runs", str(tmp_path / "runs")), names)

    best, trades, history, holes, model = (names[name] for name in ("best", "trades", "history", "holes", "model"))
    assert isinstance(best, pl.DataFrame)
    assert isinstance(trades, pl.DataFrame)
    assert isinstance(history, pl.DataFrame)
    assert isinstance(holes, pl.DataFrame)
    assert (len(best), len(trades)) == (2, SMALL.trades)
    assert history["ts"].is_sorted()
    assert history["ts"].n_unique() == len(history) > SMALL.candles
    assert Path(str(model)).stat().st_size > SMALL.model_bytes
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["SOL-USDT_20251112_164920"]


@pytest.mark.usefixtures("_samples")
def test_a_pulled_run_is_read_with_json_pandas_and_polars(archive: Archive, tmp_path: Path) -> None:
    folder = archive.run("SOL/USDT", "2025-11-12").download(tmp_path / "runs")

    with open(folder / "metrics/training_metrics.json") as file:
        metrics = json.load(file)
    with open(folder / "features/features.json") as file:
        features = json.load(file)
    with open(folder / "model/model_metadata.json") as file:
        metadata = json.load(file)
    trades = pd.read_csv(folder / "results/trades.csv")
    candles = pl.read_parquet(next(folder.glob("data/*_candles.parquet")))

    assert metrics["total_trades"] == len(trades) == SMALL.trades
    assert features["count"] == len(features["columns"])
    assert (metadata["symbol"], metadata["date"]) == ("SOL/USDT", "2025-11-12")
    assert trades["profit_gbp"].sum() == pytest.approx(metrics["total_profit_gbp"])
    assert len(candles) == SMALL.candles


@pytest.mark.usefixtures("_samples")
def test_what_the_archive_gives_goes_to_pandas(archive: Archive) -> None:
    trades = archive.latest("SOL/USDT").trades()
    assert trades is not None

    runs = archive.runs().to_pandas()

    assert list(runs["symbol"]) == ["SOL-USDT", "SOL-USDT"]
    assert len(trades.to_pandas()) == SMALL.trades


@pytest.mark.usefixtures("_samples")
def test_an_artifact_reads_as_it_was_written(archive: Archive, tmp_path: Path) -> None:
    again = sample(tmp_path / "again", "2025-11-12T16:49:20", 1)

    run = archive.run("SOL/USDT", "2025-11-12")
    trades = run.trades()

    assert {kind: run.path(kind).read_bytes() for kind in run.kinds} == again.files
    assert trades is not None
    assert trades.equals(pl.read_csv(io.BytesIO(again.files[Kind.TRADES]), try_parse_dates=True))
