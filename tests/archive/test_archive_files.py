"""What comes back is what was trained, byte for byte, or nothing at all."""

from __future__ import annotations

import os
import random
import signal
import stat
from pathlib import Path

import polars as pl
import pytest
from kept_runs import Kept, KeptInDropbox

from huracan_spool.archive.archive import Archive
from huracan_spool.archive.reader import Damaged
from huracan_spool.content_hash import BLOCK
from huracan_spool.emulator import Fault
from huracan_spool.errors import StoreError
from huracan_spool.manifest import Kind
from support.planting import Planted
from support.waiting import eventually_sync

MODEL = random.Random(7).randbytes(5 * BLOCK + 12_345)
TRADES = b"entry_time,profit_gbp\n2025-11-12T10:00:00Z,1.5\n"
RUN = Planted(files={Kind.MODEL: MODEL, Kind.TRADES: TRADES, Kind.FEATURES: b'{"count": 1}'})
NEXT = Planted(trained_at="2025-11-13T16:49:20Z", files={Kind.MODEL: MODEL[::-1], Kind.TRADES: TRADES})
OLD = Planted(trained_at="2025-11-12T08:00:00Z", files={Kind.TRADES: TRADES}, superseded=True)


def test_a_run_gives_its_artifacts(kept: Kept, archive: Archive) -> None:
    kept.plant(RUN)

    run = archive.latest("SOL/USDT")

    assert run.kinds == (Kind.MODEL, Kind.METRICS, Kind.FEATURES, Kind.TRADES)
    assert run.metrics == RUN.metrics
    assert run.features == {"count": 1}
    trades = run.trades()
    assert trades is not None
    assert trades.schema == {"entry_time": pl.Datetime("us", "UTC"), "profit_gbp": pl.Float64}
    assert run.candles() is None
    path = run.model_path()
    assert path is not None
    assert path.read_bytes() == MODEL
    with pytest.raises(LookupError, match="no candles"):
        run.path("candles")


def test_an_empty_trades_file_is_an_empty_frame(kept: Kept, archive: Archive) -> None:
    kept.plant(Planted(files={Kind.TRADES: b""}))

    trades = archive.latest("SOL/USDT").trades()

    assert trades is not None
    assert trades.is_empty()


def test_runs_are_pulled_into_folders_of_their_own(kept: Kept, archive: Archive, tmp_path: Path) -> None:
    kept.plant(RUN, NEXT, OLD)

    folders = archive.pull(archive.select("SOL/USDT", superseded=True), tmp_path / "out")

    assert [folder.name for folder in folders] == [
        "SOL-USDT_20251112_080000",
        "SOL-USDT_20251112_164920",
        "SOL-USDT_20251113_164920",
    ]
    for folder, run in zip(folders, (OLD, RUN, NEXT), strict=True):
        assert _files(folder) == _expected(run)
        assert {path.stat().st_mtime for path in folder.rglob("*.*") if path.is_file()} == {run.moment.timestamp()}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [folder.name for folder in folders]


def test_what_was_pulled_is_not_fetched_again(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_dropbox.plant(RUN, NEXT)
    with in_dropbox.open(monkeypatch) as archive:
        archive.pull(archive.select(), tmp_path / "out")
        before = len(in_dropbox.emulator.calls)
        archive.pull(archive.select(), tmp_path / "out")

        assert [call.route for call in in_dropbox.emulator.calls[before:]] == []


def test_a_pulled_run_that_somebody_changed_is_not_taken_for_it(
    kept: Kept, archive: Archive, tmp_path: Path
) -> None:
    kept.plant(RUN)
    folder = archive.latest("SOL/USDT").download(tmp_path)
    (folder / "results/trades.csv").write_bytes(b"shorter")

    with pytest.raises(Damaged, match="was changed since it was fetched"):
        archive.latest("SOL/USDT").download(tmp_path)
    assert (folder / "results/trades.csv").read_bytes() == b"shorter"


def test_another_run_of_the_same_second_has_a_folder_beside_it(
    kept: Kept, archive: Archive, tmp_path: Path
) -> None:
    twin = Planted(files={Kind.TRADES: b"a\n1\n"}, superseded=True)
    kept.plant(RUN, twin)

    folders = archive.pull(archive.select(superseded=True), tmp_path)

    assert len(set(folders)) == 2
    assert {frozenset(_files(folder).items()) for folder in folders} == {
        frozenset(_expected(RUN).items()),
        frozenset(_expected(twin).items()),
    }


def test_content_that_is_not_what_was_stored_never_gets_its_name(
    kept: Kept, archive: Archive, tmp_path: Path
) -> None:
    kept.plant(RUN, NEXT)
    kept.put(RUN.folder + "results/trades.csv", b"other trades\n")

    with pytest.raises(Damaged, match=r"results/trades\.csv differs"):
        archive.pull(archive.select(), tmp_path)

    assert [path.name for path in tmp_path.glob("SOL*")] == ["SOL-USDT_20251113_164920"]
    with pytest.raises(Damaged, match=r"trades\.csv is not what the run's record says"):
        archive.run("SOL/USDT", "2025-11-12").trades()


def test_a_record_that_is_not_true_is_no_proof(kept: Kept, archive: Archive, tmp_path: Path) -> None:
    kept.plant(RUN)
    kept.put(
        RUN.folder + "model/model_metadata.json",
        RUN.record().replace(b"train-07", b"train-08").replace(b"SOL", b"ADA"),
    )

    with pytest.raises(Damaged, match="no true record"):
        _ = archive.latest("SOL/USDT").record
    with pytest.raises(Damaged, match="no true record"):
        archive.latest("SOL/USDT").download(tmp_path / "out")


@pytest.mark.parametrize("zips", [True, False])
def test_many_runs_come_whole_with_zips_and_without(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, zips: bool
) -> None:
    in_dropbox.plant(RUN, NEXT, OLD)
    if not zips:
        refusal = {".tag": "too_large"}
        in_dropbox.emulator.faults.add(Fault(route="files/download_zip", kind="error", error=refusal, times=None))
    with in_dropbox.open(monkeypatch) as archive:
        folders = archive.pull(archive.select("SOL/USDT"), tmp_path / "out")

    assert [_files(folder) for folder in folders] == [_expected(RUN), _expected(NEXT)]
    assert bool(in_dropbox.calls("download")) is not zips


@pytest.mark.parametrize("kind", ["truncate", "reset_mid_body", "html"])
def test_a_zip_that_breaks_off_costs_time_and_nothing_else(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    in_dropbox.plant(RUN, NEXT)
    in_dropbox.emulator.faults.add(Fault(route="files/download_zip", kind=kind, after_bytes=BLOCK, times=2))
    with in_dropbox.open(monkeypatch) as archive:
        folders = archive.pull(archive.select("SOL/USDT"), tmp_path / "out")

    assert [_files(folder) for folder in folders] == [_expected(RUN), _expected(NEXT)]


@pytest.mark.parametrize("kind", ["truncate", "reset_after", "html", "server_error", "rate_limit"])
def test_a_download_that_fails_once_is_repeated(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    in_dropbox.plant(RUN)
    with in_dropbox.open(monkeypatch) as archive:
        run = archive.latest("SOL/USDT")
        _ = run.record
        in_dropbox.emulator.faults.add(
            Fault(route="files/download", kind=kind, after_bytes=BLOCK // 2, retry_after=0, call=2)
        )
        path = run.model_path()

        assert path is not None
        assert path.read_bytes() == MODEL


def test_what_came_before_a_kill_does_not_come_again(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_dropbox.plant(RUN)
    held = in_dropbox.emulator.faults.add(Fault(route="files/download", kind="hold", call=6))
    process = in_dropbox.python(_PULL, str(tmp_path / "out"))
    eventually_sync(lambda: len(_blocks_on_disk(tmp_path / "out")) >= 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    in_dropbox.emulator.faults.remove(held.number)
    before = len(in_dropbox.calls("download"))
    kept_blocks = len(_blocks_on_disk(tmp_path / "out"))
    with in_dropbox.open(monkeypatch) as archive:
        folder = archive.latest("SOL/USDT").download(tmp_path / "out")

    assert _files(folder) == _expected(RUN)
    again = in_dropbox.calls("download")[before:]
    assert len([call for call in again if call.status == 206]) <= 6 - kept_blocks


_PULL = """
import sys
from huracan_spool import Archive
with Archive.open() as archive:
    archive.latest("SOL/USDT").download(sys.argv[1])
"""


def _blocks_on_disk(folder: Path) -> list[str]:
    found = list(folder.rglob(".model.bin.*.have"))
    return found[0].read_text().split() if found else []


def test_a_part_that_a_power_cut_took_is_fetched_again(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_dropbox.plant(RUN)
    with in_dropbox.open(monkeypatch) as archive:
        run = archive.latest("SOL/USDT")
        _ = run.record
        in_dropbox.emulator.faults.add(
            Fault(
                route="files/download",
                kind="error",
                error={".tag": "path", "path": {".tag": "not_found"}},
                call=6,
                times=None,
            )
        )
        with pytest.raises(StoreError):
            run.model_path()
        in_dropbox.emulator.faults.clear()
        part = next((in_dropbox.home / "cache").rglob("*.part"))
        with part.open("r+b") as file:
            file.write(bytes(BLOCK))

        assert run.path("model").read_bytes() == MODEL


def test_a_cached_file_that_was_written_to_is_fetched_again(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_dropbox.plant(RUN)
    with in_dropbox.open(monkeypatch) as archive:
        path = archive.latest("SOL/USDT").path("model")
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        path.chmod(0o644)
        path.write_bytes(bytes(len(MODEL)))

        assert archive.latest("SOL/USDT").path("model").read_bytes() == MODEL


def test_the_cache_makes_room_by_last_use(kept: Kept, archive: Archive) -> None:
    kept.plant(RUN, NEXT)
    if kept.settings:
        first, second = (archive.run("SOL/USDT", day).path("model") for day in ("2025-11-12", "2025-11-13"))
        os.utime(first, (1, first.stat().st_mtime))

        pruned = archive.cache.prune(most_bytes=len(MODEL) + 1000, now=0.0)

        assert (pruned.files, first.exists(), second.exists()) == (1, False, True)
        assert archive.cache.info().files == 1
    else:
        assert (
            archive.latest("SOL/USDT").path("model")
            == kept.state / "archive/Huracan" / NEXT.folder / "model/model.bin"
        )


def test_several_processes_share_the_cache(in_dropbox: KeptInDropbox) -> None:
    in_dropbox.plant(RUN)
    program = (
        "from huracan_spool import Archive\nwith Archive.open() as a: print(a.latest('SOL/USDT').path('model'))"
    )

    processes = [in_dropbox.python(program) for _ in range(4)]
    outputs = {process.communicate()[0].strip() for process in processes}

    assert [process.returncode for process in processes] == [0] * 4
    assert {Path(output).read_bytes() for output in outputs} == {MODEL}
    assert len(outputs) == 1


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _expected(run: Planted) -> dict[str, bytes]:
    return {path.removeprefix(run.folder): data for path, data in run.tree().items() if path.startswith(run.folder)}
