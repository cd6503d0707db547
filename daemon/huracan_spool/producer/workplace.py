"""Where a `RunWriter` writes: a hidden folder in the spool, or if there can be none, somewhere else.

Training gets a place to write to in any case. If its run can't be handed over, what it wrote is still there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from huracan_spool.producer.offered import Offered, let_go
from huracan_spool.producer.staging import Staging


class Workplace:
    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._staging: Staging | None = None
        self._elsewhere: Path | None = None

    def staging(self) -> Staging:
        """The hidden folder in the spool, made at the first call. Raises `OSError`."""
        if self._staging is None:
            self._staging = Staging.open(self._spool)
        return self._staging

    def elsewhere(self) -> Path:
        """A folder outside the spool. Raises `OSError` only if the host has no place for temporary files."""
        import tempfile  # noqa: PLC0415 - several milliseconds, and hardly ever needed

        if self._elsewhere is None:
            self._elsewhere = Path(tempfile.mkdtemp(prefix="huracan-spool-"))
        return self._elsewhere

    def clear(self) -> None:
        """Remove all that was written."""
        import shutil  # noqa: PLC0415 - as above

        staging, elsewhere = self._release()
        if staging is not None:
            staging.remove()
        if elsewhere is not None:
            shutil.rmtree(elsewhere, ignore_errors=True)

    def keep(self, run: str, offers: Iterable[Offered]) -> list[Path]:
        """Leave what was written, out of the daemon's sight and for good; returns where it is."""
        staging, elsewhere = self._release()
        kept = [elsewhere]
        if staging is not None:
            let_go(staging, offers)
            kept.append(staging.keep(run))
        return [path for path in kept if path is not None]

    def _release(self) -> tuple[Staging | None, Path | None]:
        """Forgotten before they are closed: an interrupt in between must not have them closed twice."""
        released = self._staging, self._elsewhere
        self._staging = self._elsewhere = None
        return released
