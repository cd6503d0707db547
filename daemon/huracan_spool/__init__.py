"""huracan-spool: from a finished training run in the spool to a proven copy in Dropbox.

What training and analysts use is exported here, and loaded when it is first named: importing the package costs
nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` for the real one would cost several milliseconds
if TYPE_CHECKING:
    from huracan_spool.archive.archive import Archive
    from huracan_spool.producer.export import export_coin_results
    from huracan_spool.producer.run_writer import RunWriter
    from huracan_spool.producer.submission import Submission

__version__ = "0.1.0"
__all__ = ["Archive", "RunWriter", "Submission", "export_coin_results"]

_HOMES = {
    "Archive": "huracan_spool.archive.archive",
    "RunWriter": "huracan_spool.producer.run_writer",
    "Submission": "huracan_spool.producer.submission",
    "export_coin_results": "huracan_spool.producer.export",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - as above

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
