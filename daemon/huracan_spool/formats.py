"""What stands in a run's metrics, features, trades and candles: names, types, units. Pure data.

The names are the training pipeline's own, as it writes them. Everything may hold more than is listed here, and
most of what is listed may be absent: a table says what a name means when it is there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

INTEGER = "integer"
NUMBER = "number"
TEXT = "text"
BOOLEAN = "boolean"
TIME = "time"  # a timestamp, or milliseconds since 1970; in CSV and JSON RFC 3339, UTC when it has no offset
TEXTS = "texts"  # a list of text; in JSON only
COUNTS = "counts"  # a list of whole numbers; in JSON only

FRACTION = "fraction, 0 to 1"
BPS = "basis points"
GBP = "GBP"
QUOTE = "quote currency"


class Field(NamedTuple):
    """One name. `also` are other names in use for the same thing; `words` the only values, if there are such."""

    name: str
    type: str
    unit: str
    meaning: str
    required: bool = False
    also: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.also)


_CANDLE_TIMES = ("timestamp", "time", "datetime", "date", "open_time")
EXIT_REASONS = ("TAKE_PROFIT", "STOP_LOSS", "TIMEOUT", "MODEL_SIGNAL")
DIRECTIONS = ("LONG", "SHORT")

CANDLE_COLUMNS = (
    # The pipeline writes `timestamp` in milliseconds since 1970 and the same moment as `ts`.
    Field("ts", TIME, "UTC", "the candle's opening", required=True, also=_CANDLE_TIMES),
    Field("open", NUMBER, QUOTE, "first price", required=True),
    Field("high", NUMBER, QUOTE, "highest price", required=True),
    Field("low", NUMBER, QUOTE, "lowest price", required=True),
    Field("close", NUMBER, QUOTE, "last price", required=True),
    Field("volume", NUMBER, "base currency", "what was traded", required=True),
)

TRADE_COLUMNS = (
    Field("entry_timestamp", TIME, "UTC", "when the position was opened", required=True, also=("entry_time",)),
    Field("exit_timestamp", TIME, "UTC", "when it was closed", required=True, also=("exit_time",)),
    Field("entry_price", NUMBER, QUOTE, "price at entry", required=True),
    Field("exit_price", NUMBER, QUOTE, "price at exit", required=True),
    Field("direction", TEXT, "", "which way the position was", required=True, words=DIRECTIONS),
    Field("position_size_gbp", NUMBER, GBP, "size of the position", required=True, also=("size_gbp",)),
    Field("gross_profit_bps", NUMBER, BPS, "profit before costs", required=True, also=("profit_bps",)),
    Field(
        "net_profit_gbp", NUMBER, GBP, "profit after costs; its sign decides", required=True, also=("profit_gbp",)
    ),
    Field("exit_reason", TEXT, "", "why it was closed", required=True, words=EXIT_REASONS),
    Field("hold_duration_minutes", NUMBER, "minutes", "from entry to exit", required=True, also=("hold_minutes",)),
    Field("is_winner", BOOLEAN, "", "whether it made a profit", required=True),
    Field("model_confidence", NUMBER, FRACTION, "how sure the model was at entry", also=("confidence",)),
    Field("market_regime", TEXT, "", "the market's state at entry", also=("regime",)),
)

METRICS = (
    Field("symbol", TEXT, "", "the trading pair"),
    Field("total_trades", INTEGER, "trades", "rows of the trades file", required=True),
    Field("wins", INTEGER, "trades", "trades that made a profit"),
    Field("losses", INTEGER, "trades", "trades that did not"),
    Field("win_rate", NUMBER, FRACTION, "wins per trade", required=True),
    Field("sharpe_ratio", NUMBER, "", "mean return over its deviation", required=True),
    Field("total_profit_gbp", NUMBER, GBP, "sum of all trades, after costs", required=True),
    Field("avg_profit_per_trade_gbp", NUMBER, GBP, "mean profit of a trade, after costs"),
    Field("mean_return_bps", NUMBER, BPS, "mean return of a trade"),
    Field("std_return_bps", NUMBER, BPS, "deviation of the returns"),
    Field("max_drawdown", NUMBER, FRACTION, "largest fall from a peak of the equity", also=("max_drawdown_pct",)),
    Field("max_drawdown_gbp", NUMBER, GBP, "the same in money"),
    Field("max_drawdown_bps", NUMBER, BPS, "the same in basis points"),
    # learning
    Field("patterns_learned", INTEGER, "patterns", "patterns found and kept"),
    Field("insights_generated", INTEGER, "insights", "insights drawn from trades"),
    Field("exit_timing_accuracy", NUMBER, FRACTION, "exits that proved well timed"),
    Field("avg_missed_profit_bps", NUMBER, BPS, "what a later exit would have brought"),
    Field("causal_relationships", INTEGER, "relationships", "edges of the causal graph"),
    # the agent's update
    Field("policy_loss", NUMBER, "", "mean over the update's epochs; negative is usual"),
    Field("value_loss", NUMBER, "", "mean over the update's epochs"),
    Field("entropy", NUMBER, "nats", "of the policy, mean over the update's epochs"),
    Field("action_entropy", NUMBER, "nats", "of the actions taken"),
    Field("avg_advantage", NUMBER, "", "mean of the advantages, normalised"),
    Field("std_advantage", NUMBER, "", "deviation of the advantages, normalised"),
    Field("replay_buffer", INTEGER, "samples", "in the replay buffer after the update"),
)

FEATURES = (
    Field("symbol", TEXT, "", "the trading pair"),
    Field("timestamp", TEXT, "UTC, YYYYMMDD_HHMMSS", "the run's time"),
    Field("feature_columns", TEXTS, "", "names of the columns, in order", required=True, also=("columns",)),
    Field("total_features", INTEGER, "columns", "length of that list", required=True, also=("count",)),
    Field("data_rows", INTEGER, "rows", "rows of the training data"),
    Field("dimensions", COUNTS, "rows, columns", "shape of the training data"),
    Field("higher_order_enabled", BOOLEAN, "", "interactions, polynomials, ratios, time lags"),
    Field("granger_causality_enabled", BOOLEAN, "", "causality between symbols"),
    Field("regime_prediction_enabled", BOOLEAN, "", "prediction of market regimes"),
)

_UNITS_BY_SIZE = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))  # each until the year 5138


def places(fields: tuple[Field, ...], names: list[str]) -> dict[str, int]:
    """Where the columns are that `fields` tell of: by our name, the position in `names`."""
    known = {field.name: next((each for each in field.names if each in names), None) for field in fields}
    return {name: names.index(found) for name, found in known.items() if found is not None}


def unit_of_times(largest: int) -> str:
    """What whole numbers since 1970 count, told by the largest of them: `s`, `ms`, `us` or `ns`."""
    return next((unit for limit, unit in _UNITS_BY_SIZE if abs(largest) < limit), "ns")


_JSON_TYPES: dict[str, dict[str, Any]] = {
    INTEGER: {"type": ["integer", "null"]},
    NUMBER: {"type": ["number", "null"]},  # null stands for NaN, which JSON can't say
    TEXT: {"type": ["string", "null"]},
    BOOLEAN: {"type": ["boolean", "null"]},
    TIME: {"type": ["string", "integer", "null"], "format": "date-time"},  # whole numbers: since 1970, in ms
    TEXTS: {"type": "array", "items": {"type": "string"}},
    COUNTS: {"type": "array", "items": {"type": "integer", "minimum": 0}},
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas (draft 2020-12) by kind; those of trades and candles describe one row."""
    return {
        "metrics": _schema("training metrics", METRICS),
        "features": _schema("feature metadata", FEATURES),
        "trades": _schema("one row of the trades", TRADE_COLUMNS),
        "candles": _schema("one candle", CANDLE_COLUMNS),
    }


def _schema(title: str, fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"huracan-spool {title}",
        "type": "object",
        "properties": {name: _property(field, name) for field in fields for name in field.names},
        "allOf": [_one_of(field.names) for field in fields if field.required],
    }


def _property(field: Field, name: str) -> dict[str, Any]:
    unit = f" ({field.unit})" if field.unit else ""
    other = "" if name == field.name else f"; another name for {field.name}"
    described = {**_JSON_TYPES[field.type], "description": f"{field.meaning}{unit}{other}"}
    return {**described, "enum": [*field.words, None]} if field.words else described


def _one_of(names: tuple[str, ...]) -> dict[str, Any]:
    if len(names) == 1:
        return {"required": [names[0]]}
    return {"anyOf": [{"required": [name]} for name in names]}
