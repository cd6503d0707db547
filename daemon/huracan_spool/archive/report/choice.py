"""Which of a run's metrics are drawn, when there are forty of them."""

from __future__ import annotations

import polars as pl

from huracan_spool.archive import comparing
from huracan_spool.archive.report.figures import field_of

MOST_METRICS = 8

# What a training run is judged by, first to last; after them what changes most often and is there most often.
_FIRST = (
    "total_profit_gbp",
    "sharpe_ratio",
    "win_rate",
    "max_drawdown",
    "total_trades",
    "avg_profit_per_trade_gbp",
    "max_drawdown_gbp",
    "mean_return_bps",
    "policy_loss",
    "value_loss",
    "entropy",
)


def metrics_that_matter(runs: pl.DataFrame, most: int = MOST_METRICS) -> list[str]:
    """Numbers only. One that never changes counts only when it is one of the first."""
    ranked = []
    for name in comparing.metric_names(runs):
        values = runs.get_column(name).cast(pl.Float64)
        values = values.filter(values.is_finite())
        field = field_of(name)
        known = _FIRST.index(field.name) if field and field.name in _FIRST else len(_FIRST)
        if len(values) and (known < len(_FIRST) or values.n_unique() > 1):
            ranked.append((known, -len(values), -values.n_unique(), name))
    return [name for *_, name in sorted(ranked)[:most]]
