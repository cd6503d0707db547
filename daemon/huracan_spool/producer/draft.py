"""A run while training writes it: what it consists of so far, where that lies, and what went wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from huracan_spool.manifest import Kind
from huracan_spool.producer import documents, frames, telling, weights
from huracan_spool.producer.environment import spool_path, why_not_here
from huracan_spool.producer.handover import paths_of, publish_from
from huracan_spool.producer.naming import run_name, suffix_of, time_text
from huracan_spool.producer.offered import Offered
from huracan_spool.producer.publication import Declaration, check, unused_names
from huracan_spool.producer.submission import NotHandedOver, Submission
from huracan_spool.producer.workplace import Workplace


class Draft:
    """What `RunWriter` is the face of, method by method; `document` is its `metrics` and `features`."""

    def __init__(
        self,
        symbol: str,
        trained_at: datetime | str | None,
        metadata: Mapping[str, Any],
        *,
        keep: bool,
        strict: bool,
    ) -> None:
        self.submission: Submission | None = None
        self._symbol = symbol
        self._trained_at = trained_at
        self._metadata = metadata
        self._keep = keep
        self._strict = strict
        self._spool = spool_path()
        self._work = Workplace(self._spool)
        self._skipped = why_not_here()
        self._process = os.getpid()
        self._offers: dict[Kind, Offered] = {}
        self._error: str | None = None

    def model(self, model: Any) -> None:
        self._take(Kind.MODEL, model, lambda path: weights.write_model(model, path))

    def document(self, kind: str, document: Any) -> None:
        self._take(Kind(kind), document, lambda path: self._write_json(document, path))

    def trades(self, trades: Any) -> None:
        self._take(Kind.TRADES, trades, lambda path: frames.write_csv(trades, path))

    def candles(self, candles: Any) -> None:
        self._take(Kind.CANDLES, candles, lambda path: frames.write_parquet(candles, path))

    def path(self, kind: str, suffix: str | None) -> Path:
        name = "artifact"
        with self._attempting():
            known = Kind(kind)
            name = known + suffix_of(known, None if suffix is None else Path(f"{known}.{suffix.lstrip('.')}"))
            if self._skipped is None:
                path = self._work.staging().path / name
                self._offers[known] = Offered(known, path)
                return path
        return self._work.elsewhere() / name

    def publish(self) -> Submission:
        if self.submission is None:
            self.submission = self._publish()
        return self.submission

    def discard(self) -> None:
        if self.submission is None and self._process == os.getpid():
            self._work.clear()
            self.submission = Submission(run=None, error="the run was discarded")

    def _take(self, kind: Kind, value: Any, write: Callable[[Path], int | None]) -> None:
        if self._skipped is not None:
            return
        with self._attempting():
            if isinstance(value, str | os.PathLike):
                path = Path(os.path.abspath(os.fspath(value)))  # training may change its directory
                self._offers[kind] = Offered(kind, path, keep=self._keep)
                return
            path = self._work.staging().path / f"{kind}{suffix_of(kind)}"
            self._offers[kind] = Offered(kind, path, rows=write(path))

    def _write_json(self, document: Mapping[str, Any], path: Path) -> None:
        if not isinstance(document, Mapping):
            raise TypeError(f"expected a mapping or a path, not {type(document).__name__}")
        data, odd = documents.to_json(document)
        self._tell(path.stem, odd)
        path.write_bytes(data)

    def _tell(self, what: str, odd: list[str]) -> None:
        if odd and self._strict:
            raise ValueError(f"{what}: JSON can't say {documents.told(odd)}")
        if odd:
            telling.odd("values_changed_for_json", {"in": what, "values": documents.told(odd)})

    @contextmanager
    def _attempting(self) -> Iterator[None]:
        """Any failure becomes the reason why the run is not handed over: training goes on."""
        try:
            yield
        except Exception as error:
            reason = telling.explain(error, self._spool)
            self._error = self._error or reason
            if self._strict:
                raise NotHandedOver(reason) from error

    def _publish(self) -> Submission:
        if self._process != os.getpid():
            return Submission(run=None, error="a forked process does not publish its parent's run", skipped=True)
        if self._skipped is not None:
            self._work.clear()
            return Submission(run=None, error=self._skipped, skipped=True)
        try:
            return self._hand_over()
        except Exception as error:
            submission = self._refused(error)
            if self._strict:
                raise NotHandedOver(str(submission.error)) from error
            return submission
        except BaseException:  # Ctrl-C: the files are not lost either
            self._work.keep(_folder_name(self._symbol), self._offers.values())
            raise

    def _hand_over(self) -> Submission:
        if self._error is not None:
            raise NotHandedOver(self._error)
        plain = documents.Plain()
        metadata = plain.of(self._metadata)
        self._tell("metadata", plain.odd)
        declaration = Declaration(self._symbol, time_text(self._trained_at), metadata)
        run = run_name(declaration.symbol, declaration.trained_at)
        offers = list(self._offers.values())
        check(declaration, run, paths_of(offers))
        staging = self._work.staging()
        published = publish_from(staging, declaration, offers, unused_names(staging, run))
        self._work.clear()
        return Submission(
            run=published.run,
            spool=self._spool,
            kinds=self._offers,
            manifest_sha256=published.manifest_sha256,
            strict=self._strict,
        )

    def _refused(self, error: Exception) -> Submission:
        reason = telling.explain(error, self._spool)
        kept = self._work.keep(_folder_name(self._symbol), self._offers.values())
        if kept:
            reason += f"; what was written for it is in {' and '.join(map(str, kept))}"
        telling.not_handed_over(self._symbol, reason)
        return Submission(run=None, error=reason, kinds=self._offers)


def _folder_name(symbol: object) -> str:
    return re.sub("[^A-Za-z0-9]+", "_", str(symbol))[:100]
