"""The table of names, and the schemas made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from huracan_spool.formats import CANDLE_COLUMNS, FEATURES, METRICS, TRADE_COLUMNS, Field, json_schemas

TABLES = {"metrics": METRICS, "features": FEATURES, "trades": TRADE_COLUMNS, "candles": CANDLE_COLUMNS}

# As the pipeline writes them.
GOOD: dict[str, dict[str, Any]] = {
    "metrics": {
        "symbol": "SOL/USDT",
        "total_trades": 157,
        "wins": 85,
        "losses": 72,
        "win_rate": 0.541,
        "total_profit_gbp": 12.5,
        "avg_profit_per_trade_gbp": 0.08,
        "sharpe_ratio": None,
        "policy_loss": -0.01,
        "anything_else": {"is": "fine"},
    },
    "features": {
        "symbol": "SOL/USDT",
        "timestamp": "20251112_164920",
        "feature_columns": ["ts", "close", "rsi"],
        "total_features": 3,
        "data_rows": 2160,
        "higher_order_enabled": True,
        "granger_causality_enabled": True,
        "regime_prediction_enabled": False,
    },
    "trades": {
        "entry_timestamp": "2025-11-12T16:49:20+00:00",
        "exit_timestamp": "2025-11-12T17:04:20+00:00",
        "entry_price": 150.1,
        "exit_price": 150.4,
        "direction": "LONG",
        "position_size_gbp": 100.0,
        "gross_profit_bps": 20.0,
        "net_profit_gbp": 0.2,
        "exit_reason": "TAKE_PROFIT",
        "hold_duration_minutes": 15,
        "is_winner": True,
        "model_confidence": 0.7,
        "market_regime": "TRENDING",
    },
    "candles": {"ts": "2025-11-12T16:00:00Z", "open": 1, "high": 2, "low": 0.5, "close": 1.5, "volume": 10},
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_the_pipeline_writes_is_valid(kind: str) -> None:
    schema = json_schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(GOOD[kind], schema)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("metrics", {"win_rate": "54%"}),
        ("metrics", {"total_trades": 1.5}),
        ("features", {"feature_columns": "ts"}),
        ("trades", {"exit_reason": "BORED"}),
        ("trades", {"is_winner": "yes"}),
        ("candles", {"open": "1"}),
    ],
)
def test_wrong_types_and_words_are_not(kind: str, changed: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(GOOD[kind] | changed, json_schemas()[kind])


@pytest.mark.parametrize("kind", GOOD)
def test_whatever_is_required_may_not_be_missing(kind: str) -> None:
    for field in TABLES[kind]:
        if field.required:
            document = {name: value for name, value in GOOD[kind].items() if name != field.name}
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(document, json_schemas()[kind])


def test_another_name_will_do() -> None:
    trade = {name: value for name, value in GOOD["trades"].items() if name != "entry_timestamp"}
    jsonschema.validate({**trade, "entry_time": "2025-11-12T16:49:20Z"}, json_schemas()["trades"])


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_name_means_two_things(table: tuple[Field, ...]) -> None:
    names = [name for field in table for name in field.names]
    assert len(names) == len(set(names))


def test_the_keys_that_the_pipelines_snippets_read_are_required() -> None:
    required = {field.name for field in METRICS if field.required}
    assert required >= {"win_rate", "sharpe_ratio", "total_profit_gbp"}
    assert "is_winner" in {field.name for field in TRADE_COLUMNS if field.required}


def test_the_module_is_pure_data() -> None:
    source = Path(__import__("huracan_spool.formats", fromlist=["formats"]).__file__).read_text()
    imports = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert imports == ["from __future__ import annotations", "from typing import Any, NamedTuple"]
