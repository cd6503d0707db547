"""The archive as it is read: by its records, wherever the files are just now, and believing nothing else."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from archives import archive, bytes_below, bytes_in, planned
from in_process import ANY, tools

from huracan_spool import layout
from huracan_spool.content_hash import content_hash
from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from huracan_spool.manifest import Kind
from huracan_spool.pushing.archive import ArchivedRun, Broken, Day, Extent, Wanted, days, extent, look_at
from huracan_spool.pushing.push import SECOND_LOOK, Push
from huracan_spool.pushing.reading import plan
from huracan_spool.pushing.report import Report
from huracan_spool.record import MAX_RECORD_BYTES
from support.runs import Run, make_run
from support.waiting import within

RECORD = "model/model_metadata.json"


async def archived(root: Path, *runs: Run) -> Day:
    """The day of runs that are all of one."""
    await archive(root, runs)
    [day] = days(root, ANY)
    return day


def superseded(run: Run) -> str:
    wanted = planned(run, "train-07")
    return layout.superseded_folder(wanted.key.timestamp, wanted.digest)


async def read(day: Day, run: ArchivedRun) -> dict[Kind, bytes]:
    with ExitStack() as opened:
        found = await plan(opened, day, run, tried_before=False)
        return {
            kind: os.pread(content.source, content.fingerprint.size, 0)
            for kind, content in found.artifacts.items()
            if isinstance(content.source, int)
        }


def move(day: Day, run: Run, *places: str) -> None:
    """As a daemon moves files of a run that is superseded, one by one."""
    for place in places:
        target = day.path / superseded(run) / place
        target.parent.mkdir(parents=True, exist_ok=True)
        (day.path / place).rename(target)


async def test_the_oldest_run_comes_first(tmp_path: Path) -> None:
    runs = [make_run(hour) for hour in (3, 1, 2)]
    day = await archived(tmp_path, *runs)

    found = look_at(day)

    assert ([run.name for run in found.runs], found.broken) == ([runs[i].name for i in (1, 2, 0)], {})


@pytest.mark.parametrize("moved", [(RECORD,), (RECORD, "model/model.bin"), ("model/model.bin",)])
async def test_a_run_on_its_way_to_superseded_is_whole(tmp_path: Path, moved: tuple[str, ...]) -> None:
    run = make_run()
    day = await archived(tmp_path, run)
    move(day, run, *moved)

    [found] = look_at(day).runs

    assert await read(day, found) == run.contents


async def test_a_run_that_is_superseded_after_the_look_is_whole(tmp_path: Path) -> None:
    older, newer = make_run(0), make_run(1)
    day = await archived(tmp_path, older)
    [found] = look_at(day).runs

    await archive(tmp_path, [newer])

    assert await read(day, found) == older.contents


async def test_a_run_that_is_being_added_is_looked_at_again(tmp_path: Path) -> None:
    run = make_run()
    day = await archived(tmp_path / "Huracan", run)
    aside = tmp_path / "model.bin"
    (day.path / "model/model.bin").rename(aside)

    async def sleep(seconds: float) -> None:
        if seconds != SECOND_LOOK:
            await asyncio.sleep(seconds)
        else:
            aside.rename(day.path / "model/model.bin")

    report = Report()
    async with Emulator(EmulatorOptions(https=None)) as emulator, tools(tmp_path, emulator) as used:
        await Push(used, tmp_path / "Huracan", ANY, report, sleep).run()
        assert bytes_in(emulator) == bytes_below(tmp_path / "Huracan")
    assert ([each.run for each in report.pushed], report.broken) == ([run.name], [])


async def test_a_file_that_is_written_to_before_it_is_sent_breaks_its_run_alone(tmp_path: Path) -> None:
    """An archive is not to be written to; if somebody does, Dropbox gets nothing that the record does not say."""
    spoilt, good = make_run(), make_run(0, symbol="BTC/USDT")
    await archive(tmp_path / "Huracan", [spoilt, good])
    metrics = tmp_path / "Huracan" / layout.TRAINING / "2025-11-12/SOL-USDT/metrics/training_metrics.json"
    report = Report()
    async with Emulator(EmulatorOptions(https=None)) as emulator, tools(tmp_path, emulator) as used:
        held = emulator.faults.add(Fault(route="files/upload_session/start_batch", kind="hold"))
        pushing = asyncio.create_task(Push(used, tmp_path / "Huracan", ANY, report).run())
        await within(held.reached.wait(), "the first call that is about bytes")
        metrics.write_bytes(metrics.read_bytes()[::-1])
        held.release()
        await within(pushing, "the push")

        assert [each.run for each in report.pushed] == [good.name]
        [broken] = report.broken
        assert (broken.run, broken.reason.startswith("metrics/training_metrics.json: ")) == (spoilt.name, True)
        assert not [path for path in emulator.tree() if "SOL-USDT" in path]


async def test_of_two_records_of_one_run_the_one_that_counts_for_everybody_is_sent(tmp_path: Path) -> None:
    run = make_run()
    day = await archived(tmp_path, run)
    first = (day.path / RECORD).read_bytes()
    second = first.replace(b'"host": "train-07"', b'"host": "train-08"')
    other = day.path / "superseded/unknown-01234567" / RECORD
    other.parent.mkdir(parents=True)
    other.write_bytes(second)

    [found] = look_at(day).runs

    assert found.record == min(first, second, key=content_hash)
    assert await read(day, found) == run.contents


async def test_what_was_put_aside_is_no_run(tmp_path: Path) -> None:
    day = await archived(tmp_path, make_run())
    aside = day.path / "superseded/unknown-01234567"
    for place in (RECORD, "metrics/training_metrics.json"):
        (aside / place).parent.mkdir(parents=True, exist_ok=True)
        (aside / place).write_bytes(b"{}")

    found = look_at(day)

    assert (len(found.runs), found.broken) == (1, {})


def _gone(path: Path) -> None:
    path.unlink()


def _link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _other(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("change", "says"),
    [(_gone, "it is missing"), (_link, "no regular file"), (_fifo, "no regular file"), (_other, "content hash")],
)
async def test_an_artifact_that_is_not_what_the_record_says_is_broken(
    tmp_path: Path, change: Callable[[Path], None], says: str
) -> None:
    day = await archived(tmp_path, make_run())
    [run] = look_at(day).runs
    change(day.path / "results/trades.csv")

    with pytest.raises(Broken, match=says) as broken:
        await read(day, run)

    assert str(broken.value).startswith("results/trades.csv: ")


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _edited(path: Path) -> None:
    document: dict[str, Any] = json.loads(path.read_bytes())
    document["trained_at"] = "2025-11-12T08:00:01Z"
    path.write_text(json.dumps(document))


def _of_another_day(path: Path) -> None:
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps(document | {"symbol": "BTC/USDT"}))


def _huge(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" " * MAX_RECORD_BYTES)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_gone, "no model/model_metadata.json that says whose they are"),
        (_link, "it is no regular file"),
        (_fifo, "it is no regular file"),
        (_half, "no true record"),
        (_edited, "no true record"),
        (_of_another_day, "no true record"),
        (_huge, "no true record"),
    ],
)
@pytest.mark.parametrize("old", [False, True], ids=["the latest run", "an earlier run"])
async def test_a_record_that_can_t_be_believed_is_broken_and_its_neighbours_are_not(
    tmp_path: Path, change: Callable[[Path], None], says: str, old: bool
) -> None:
    older, newer = make_run(0), make_run(1)
    day = await archived(tmp_path, older, newer)
    base = superseded(older) if old else ""
    change(day.path / base / RECORD)

    found = look_at(day)

    assert [run.name for run in found.runs] == [newer.name if old else older.name]
    [(where, what)] = found.broken.items()
    assert (where, says in what) == (base.rstrip("/") or "the latest run", True)


async def test_names_that_are_no_dates_and_symbols_are_passed_over(tmp_path: Path) -> None:
    await archive(tmp_path, [make_run(0), make_run(0, symbol="BTC/USDT"), make_run(24)])
    training = tmp_path / layout.TRAINING
    for name in ("2025-11-12/sol-usdt", "2025-11-12/-", "20251112/SOL-USDT", "2025-11-32/SOL-USDT", "x"):
        (training / name).mkdir(parents=True)
    (training / "2025-11-14").write_bytes(b"")
    (training / "2025-11-12" / "ETH-USDT").mkdir()

    assert extent(tmp_path, ANY) == Extent(dates=2, symbols=3, days=4)
    empty = next(day for day in days(tmp_path, ANY) if day.symbol == "ETH-USDT")
    assert (look_at(empty).runs, look_at(empty).broken) == ((), {})
    chosen = Wanted("SOL-USDT", date(2025, 11, 13), date(2025, 11, 13))
    assert [day.name for day in days(tmp_path, chosen)] == ["2025-11-13/SOL-USDT"]


def test_no_archive_is_an_empty_one(tmp_path: Path) -> None:
    assert extent(tmp_path / "nowhere", ANY) == Extent(0, 0, 0)
