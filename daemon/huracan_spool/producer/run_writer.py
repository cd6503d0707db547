"""`RunWriter`: a run as training writes it, published as a whole or not at all.

The face only. What is behind it is loaded with the first run: training starts faster than it ends.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` for the real one would cost several milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Any, Self

    from huracan_spool.producer.submission import Submission


class RunWriter:
    """Collects the artifacts of one run; as a `with` block, or with `publish` and `discard`.

        with RunWriter("SOL/USDT") as run:
            run.model(agent.network)
            run.metrics({"total_trades": 157, "win_rate": 0.54})
            trades.to_csv(run.path("trades"), index=False)
        run.submission.status()

    An exception in the block discards the run. Whatever else goes wrong is never raised, unless `strict`: one
    warning and `submission` tell it, nothing is published, and what was written for the run stays in a folder
    that the error names. `trained_at` is the time of publication unless it is given. With `keep`, files that are
    handed over by path stay where they are.
    """

    def __init__(
        self,
        symbol: str,
        trained_at: datetime | str | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        keep: bool = False,
        strict: bool = False,
    ) -> None:
        from huracan_spool.producer.draft import Draft  # noqa: PLC0415 - see the top

        self._draft = Draft(symbol, trained_at, metadata or {}, keep=keep, strict=strict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.publish()
        else:
            self.discard()

    @property
    def submission(self) -> Submission | None:
        """What became of it; None until the run is published or discarded."""
        return self._draft.submission

    def model(self, model: Any) -> None:
        """A path, bytes, or with torch loaded a module or a checkpoint."""
        self._draft.model(model)

    def metrics(self, metrics: Any) -> None:
        """A mapping, or a path. NaN and infinities become null, with a warning; an error with `strict`."""
        self._draft.document("metrics", metrics)

    def features(self, features: Any) -> None:
        """As `metrics`."""
        self._draft.document("features", features)

    def trades(self, trades: Any) -> None:
        """A frame of any library, a list of mappings, or the path of a CSV file."""
        self._draft.trades(trades)

    def candles(self, candles: Any) -> None:
        """A frame of any library, or the path of a Parquet file."""
        self._draft.candles(candles)

    def path(self, kind: str, suffix: str | None = None) -> Path:
        """Where to write this artifact oneself: in the spool, out of sight, so that publishing it is a rename.

        Something has to be written there before the run is published. `suffix` is `.pt` and the like. Where the
        run is not to be handed over, this is a place for temporary files.
        """
        return self._draft.path(kind, suffix)

    def publish(self) -> Submission:
        """Hand the run over; a second call gives the first one's answer. Raises `NotHandedOver` if `strict`."""
        return self._draft.publish()

    def discard(self) -> None:
        """Drop the run and what was written for it; files that were handed over by path stay where they are."""
        self._draft.discard()
