"""What the callbacks share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from huracan_spool.producer.run_writer import RunWriter
from huracan_spool.producer.submission import Submission

More = Callable[[RunWriter], object]


def hand_over(
    symbol: str,
    model: Any,
    metrics: Mapping[str, Any],
    more: More | None,
    metadata: Mapping[str, Any] | None,
) -> Submission:
    """Publish a finished training; `more` adds what its library knows nothing of: trades, candles, features.

    An exception in `more` is the caller's own, and is raised.
    """
    with RunWriter(symbol, metadata=metadata) as run:
        run.model(model)
        run.metrics(metrics)
        if more is not None:
            more(run)
    return run.publish()
