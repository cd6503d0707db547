"""From the files of a store to the runs that they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from huracan_spool import layout
from huracan_spool.archive.reader import StoredFile
from huracan_spool.manifest import Kind

TRAINING = "models/training/"


@dataclass(slots=True)
class StoredRun:
    """A run as its folder shows it. `folder` ends with a slash; `symbol` is its folder's name."""

    folder: str
    symbol: str
    date: date
    superseded: bool
    record: StoredFile | None = None
    files: dict[Kind, StoredFile] = field(default_factory=dict)

    @property
    def trained_at(self) -> datetime:
        """From a name that carries it, else from the record's time, which is the training's."""
        for path in (self.folder, *(file.path for file in self.files.values())):
            known = _carried(path)
            if known is not None:
                return known
        times = [file.modified for file in (self.record, *self.files.values()) if file is not None]
        return datetime.fromtimestamp(times[0], UTC)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())


def _carried(path: str) -> datetime | None:
    if path.endswith("/"):
        path += layout.RECORD_PLACE
    parts = layout.parse_path(path)
    return None if parts is None else parts.trained_at


def runs_of(files: Iterable[StoredFile]) -> Iterator[StoredRun]:
    """The runs that these files are, for files in the order of their paths; strangers' files are passed over."""
    day, runs = "", dict[str, StoredRun]()
    for file in files:
        parts = layout.parse_path(file.path)
        if parts is None or parts.shared or parts.date is None:
            continue
        its_day = f"{TRAINING}{parts.date.isoformat()}/{parts.symbol_folder}/"
        if its_day != day:
            yield from runs.values()
            day, runs = its_day, {}
        folder = _folder(file.path, day)
        run = runs.get(folder)
        if run is None:
            run = runs[folder] = StoredRun(folder, parts.symbol_folder, parts.date, folder != day)
        if parts.kind is None:
            run.record = file
        else:
            run.files[parts.kind] = file
    yield from runs.values()


def _folder(path: str, day: str) -> str:
    rest = path[len(day) :]
    return day + "/".join(rest.split("/", 2)[:2]) + "/" if rest.startswith("superseded/") else day


def day_of(path: str) -> str | None:
    """The day folder that a path lies in, with a slash at its end; None for what lies elsewhere or above."""
    parts = path.split("/", 4)
    is_in_a_day = len(parts) == 5 and path.startswith(TRAINING)
    return "/".join(parts[:4]) + "/" if is_in_a_day else None


def places(run: StoredRun) -> Mapping[str, StoredFile]:
    """The run's files by their path below its folder, the record among them."""
    files = (*((run.record,) if run.record else ()), *run.files.values())
    return {file.path.removeprefix(run.folder): file for file in files}
