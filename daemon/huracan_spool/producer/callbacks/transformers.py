"""A callback for the Hugging Face `Trainer` that hands a run over when training has ended.

Trainer(..., callbacks=[SpoolCallback("SOL/USDT", more=lambda run: run.trades(trades))])
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from huracan_spool.producer.callbacks.results import More, hand_over
from huracan_spool.producer.submission import Submission

_TrainerCallback: Any = importlib.import_module("transformers").TrainerCallback


class SpoolCallback(_TrainerCallback):  # type: ignore[misc]
    """The weights are the model's at the end (the best ones with `load_best_model_at_end`), the metrics the last
    value of everything that was logged.

    `submission` tells what became of it; processes other than the first have none.
    """

    def __init__(self, symbol: str, *, more: More | None = None, metadata: Mapping[str, Any] | None = None) -> None:
        self.submission: Submission | None = None
        self._symbol = symbol
        self._more = more
        self._metadata = metadata

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - its signature
        if state.is_world_process_zero:
            metrics = {name: value for entry in state.log_history for name, value in entry.items()}
            self.submission = hand_over(self._symbol, kwargs["model"], metrics, self._more, self._metadata)
