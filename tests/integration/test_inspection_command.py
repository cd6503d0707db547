"""`huracan-spool inspect`, with the real inspection behind it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from fuzz.corpus import candles_table, metrics_json, parquet, safetensors, trades_csv
from huracan_spool.cli.inspect import inspect_files


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(inspect_files, [str(argument) for argument in arguments])


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_odd_files_are_told_and_leave_with_0(tmp_path: Path) -> None:
    metrics = written(tmp_path / "a_metrics.json", metrics_json(total_trades=41, sharpe_ratio=1))
    trades = written(tmp_path / "a_trades.csv", trades_csv())
    result = run(metrics, trades)
    assert result.exit_code == 0
    facts = "format=csv  rows=40  columns=13  first=2025-11-12T00:00:00Z  last=2025-11-12T05:59:00Z  win_rate=0.325"
    assert result.stdout.splitlines() == [
        "metrics   format=json  keys=8  total_trades=41  win_rate=0.325  sharpe_ratio=1  total_profit_gbp=-0.025",
        "  odd     other_count            total_trades is 41, the trades are 40 (key total_trades)",
        f"trades    {facts}",
        "0 broken, 1 odd",
    ]


def test_a_broken_file_leaves_with_1(tmp_path: Path) -> None:
    candles = written(tmp_path / "a.parquet", parquet(candles_table())[:-4])
    result = run(candles)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "1 broken, 0 odd"


def test_json_is_the_report_as_it_stands_in_the_record(tmp_path: Path) -> None:
    model = written(tmp_path / "weights.safetensors", safetensors({}, b""))
    result = run(model, "--json")
    assert json.loads(result.stdout) == {
        "failed": None, "findings": [], "model": {"format": "safetensors", "tensors": 0}
    }  # fmt: skip


def test_a_kind_can_be_said(tmp_path: Path) -> None:
    assert run(written(tmp_path / "weights", safetensors({}, b"")), "--kind", "model").exit_code == 0


def test_what_a_file_is_must_be_clear(tmp_path: Path) -> None:
    unknown, one, two = (written(tmp_path / name, b"{}") for name in ("what", "one.json", "two.json"))
    assert "what is it? Say so with --kind" in run(unknown).output
    assert "both look like metrics" in run(one, two).output
    assert "goes with a single file" in run(one, two, "--kind", "metrics").output
