"""`export_coin_results`: the pipeline's own call, with its own meaning."""

from __future__ import annotations

from huracan_spool.producer.run_writer import RunWriter

TYPE_CHECKING = False  # as in `run_writer`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from os import PathLike
    from typing import Any

    from huracan_spool.producer.submission import Submission


def export_coin_results(
    symbol: str,
    trained_at: datetime | str | None = None,
    *,
    model_path: str | PathLike[str] | None = None,
    metrics_path: str | PathLike[str] | None = None,
    features_path: str | PathLike[str] | None = None,
    candle_data_path: str | PathLike[str] | None = None,
    trades_path: str | PathLike[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    keep: bool = False,
    strict: bool = False,
) -> Submission:
    """Hand finished files over as one run; they leave their place, unless `keep`.

    Never raises into training: on any failure there is one warning, `ok` is false, `error` says why, and the files
    are where they were. With `strict` raises `NotHandedOver`.
    """
    run = RunWriter(symbol, trained_at, metadata=metadata, keep=keep, strict=strict)
    paths = (
        (run.model, model_path),
        (run.metrics, metrics_path),
        (run.features, features_path),
        (run.candles, candle_data_path),
        (run.trades, trades_path),
    )
    for take, path in paths:
        if path is not None:
            take(path)
    return run.publish()
