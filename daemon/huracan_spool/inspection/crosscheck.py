"""Do a run's metrics tell the same as its trades?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huracan_spool.inspection.notes import Notes

# Producers round to two decimals; a hundred trades or fewer show a single one that is missing.
_TOLERANCE = 0.005 + 1e-9


def compare_with_trades(metrics: Notes, trades: Mapping[str, Any]) -> None:
    """Facts that either file lacks are not compared."""
    told, counted = metrics.facts.get("total_trades"), trades.get("rows")
    if told is not None and counted is not None and told != counted:
        metrics.add("other_count", f"total_trades is {told}, the trades are {counted}", "key total_trades")
    told, counted = metrics.facts.get("win_rate"), trades.get("win_rate")
    if told is not None and counted is not None and abs(told - counted) > _TOLERANCE:
        metrics.add("other_win_rate", f"win_rate is {told:.6g}, that of the trades {counted:.6g}", "key win_rate")
