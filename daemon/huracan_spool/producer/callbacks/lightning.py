"""A Lightning callback that hands a run over when `fit` has ended well.

Trainer(callbacks=[SpoolCallback("SOL/USDT", more=lambda run: run.trades(trades))])
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from huracan_spool.producer.callbacks.results import More, hand_over
from huracan_spool.producer.submission import Submission

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _callback() -> Any:
    """The class of the package that training uses: a trainer of one knows nothing of the other's callbacks."""
    loaded = next((name for name in _PACKAGES if name in sys.modules), _PACKAGES[0])
    return importlib.import_module(loaded).Callback


class SpoolCallback(_callback()):  # type: ignore[misc]
    """The weights are the module's at the end of `fit`, the metrics the trainer's `callback_metrics`.

    `submission` tells what became of it; ranks other than 0 have none.
    """

    def __init__(self, symbol: str, *, more: More | None = None, metadata: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.submission: Submission | None = None
        self._symbol = symbol
        self._more = more
        self._metadata = metadata

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.is_global_zero and not trainer.sanity_checking:
            metrics = dict(trainer.callback_metrics)
            self.submission = hand_over(self._symbol, pl_module, metrics, self._more, self._metadata)
