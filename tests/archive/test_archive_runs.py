"""What there is: every run once, in order, with its metrics, as the store has it now."""

from __future__ import annotations

import asyncio
import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import polars as pl
import pytest
from kept_runs import Kept, KeptInDropbox

from huracan_spool.archive.archive import Archive, Offline, RunNotFound
from huracan_spool.emulator import Fault
from huracan_spool.errors import TryAgain
from huracan_spool.manifest import Kind
from support.planting import Planted

MORNING = Planted(trained_at="2025-11-12T08:00:00Z", metrics={"sharpe_ratio": 1, "note": "first"}, superseded=True)
EVENING = Planted(trained_at="2025-11-12T16:49:20Z", metrics={"sharpe_ratio": 1.25, "by": {"long": 3}})
NEXT_DAY = Planted(trained_at="2025-11-13T08:00:00Z", metrics={"sharpe_ratio": 2.5}, files={Kind.MODEL: b"m"})
OTHER = Planted(symbol="BTC/USDT", trained_at="2025-11-12T09:00:00Z", metrics=None, files={Kind.TRADES: b"a\n1\n"})


def test_a_row_for_each_run_by_symbol_and_time_with_its_metrics(kept: Kept, archive: Archive) -> None:
    kept.plant(NEXT_DAY, MORNING, OTHER, EVENING)

    assert archive.runs().to_dicts() == [
        _row(OTHER, "BTC-USDT", ["trades"], 4, metrics={}),
        _row(MORNING, "SOL-USDT", ["metrics"], None, metrics={"sharpe_ratio": 1.0, "note": "first"}),
        _row(EVENING, "SOL-USDT", ["metrics"], None, metrics={"sharpe_ratio": 1.25, "by.long": 3}),
        _row(NEXT_DAY, "SOL-USDT", ["model", "metrics"], None, metrics={"sharpe_ratio": 2.5}),
    ]
    assert archive.symbols() == ["BTC-USDT", "SOL-USDT"]
    assert archive.dates("sol/usdt") == [date(2025, 11, 12), date(2025, 11, 13)]


def _row(
    run: Planted, symbol: str, kinds: list[str], size: int | None, metrics: dict[str, object]
) -> dict[str, object]:
    size = sum(map(len, run.contents.values())) if size is None else size
    none = {"by.long": None, "note": None, "sharpe_ratio": None}
    return {
        "symbol": symbol,
        "date": run.moment.date(),
        "trained_at": run.moment,
        "superseded": run.superseded,
        "kinds": kinds,
        "bytes": size,
        "folder": run.folder,
        **none,
        **metrics,
    }


def test_a_symbol_and_training_dates_choose_and_both_ends_belong(kept: Kept, archive: Archive) -> None:
    kept.plant(MORNING, EVENING, NEXT_DAY, OTHER)

    assert set(archive.runs("BTC-USDT")["symbol"]) == {"BTC-USDT"}
    assert len(archive.runs(since="2025-11-13")) == 1
    assert len(archive.runs("SOL/USDT", until=date(2025, 11, 12))) == 2
    assert len(archive.runs(since="2025-11-12", until="2025-11-13")) == 4
    assert archive.runs("ADA/USDT").is_empty()


def test_what_changes_in_the_store_shows(kept: Kept, archive: Archive) -> None:
    kept.plant(EVENING)
    assert len(archive.runs()) == 1
    kept.plant(NEXT_DAY)
    archive.refresh()
    assert list(archive.runs()["sharpe_ratio"]) == [1.25, 2.5]
    kept.remove(EVENING.folder)
    archive.refresh()
    assert list(archive.runs()["folder"]) == [NEXT_DAY.folder]


def test_a_run_that_was_superseded_meanwhile_is_the_same_run_at_another_place(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Planted(trained_at="2025-11-12T08:00:00Z", metrics={"sharpe_ratio": 1.0})
    in_dropbox.plant(first)
    with in_dropbox.open(monkeypatch) as archive:
        archive.runs()
        old = Planted(trained_at="2025-11-12T08:00:00Z", metrics={"sharpe_ratio": 1.0}, superseded=True)
        for path in first.tree():
            in_dropbox.move(path, path.replace(first.folder, old.folder))
        in_dropbox.plant(EVENING)
        archive.refresh()

        assert archive.runs().select("folder", "superseded", "sharpe_ratio").rows() == [
            (old.folder, True, 1.0),
            (EVENING.folder, False, 1.25),
        ]
    assert len(in_dropbox.calls("download")) == 2  # each document once, wherever it lies


def test_what_is_no_run_is_not_listed(kept: Kept, archive: Archive) -> None:
    kept.plant(EVENING)
    half = NEXT_DAY.tree()
    kept.put(
        NEXT_DAY.folder + "metrics/training_metrics.json", half[NEXT_DAY.folder + "metrics/training_metrics.json"]
    )
    kept.put(EVENING.folder + "superseded/unknown-01234567/metrics/training_metrics.json", b"{}")
    kept.put("notes.txt", b"mine")

    assert list(archive.runs()["folder"]) == [EVENING.folder]


def test_the_latest_is_the_one_trained_last_or_the_last_with_what_is_asked_for(
    kept: Kept, archive: Archive
) -> None:
    without = Planted(trained_at="2025-11-14T08:00:00Z")
    kept.plant(NEXT_DAY, without, EVENING)

    assert archive.latest("SOL/USDT").trained_at == without.moment
    assert archive.latest("SOL/USDT", kind="model").trained_at == NEXT_DAY.moment
    with pytest.raises(RunNotFound, match="no run with candles of SOL-USDT"):
        archive.latest("SOL/USDT", kind="candles")


def test_a_run_of_a_day_is_the_latest_of_it_or_the_one_of_a_time(kept: Kept, archive: Archive) -> None:
    kept.plant(MORNING, EVENING)

    assert archive.run("SOL/USDT", "2025-11-12").trained_at == EVENING.moment
    found = archive.run("SOL/USDT", "2025-11-12", datetime(2025, 11, 12, 8, tzinfo=UTC))
    assert (found.superseded, found.metrics, found.record["host"]) == (True, MORNING.metrics, "train-07")
    with pytest.raises(RunNotFound, match="2025-11-11"):
        archive.run("SOL/USDT", "2025-11-11")


def test_of_two_runs_in_one_second_the_later_one_is_meant(kept: Kept, archive: Archive) -> None:
    twin = Planted(metrics={"sharpe_ratio": 7.0}, superseded=True)
    kept.plant(EVENING, twin)

    found = archive.run("SOL/USDT", "2025-11-12", EVENING.trained_at)

    assert (found.superseded, found.metrics) == (False, EVENING.metrics)


def test_runs_are_compared_with_the_first_of_them(kept: Kept, archive: Archive) -> None:
    kept.plant(MORNING, EVENING, NEXT_DAY)

    wide = archive.compare("SOL/USDT", ["2025-11-12", "2025-11-13"])
    long = archive.compare("SOL/USDT", since="2025-11-13", long=True)

    [sharpe] = wide.filter(wide["metric"] == "sharpe_ratio").to_dicts()
    assert (sharpe["2025-11-12"], sharpe["2025-11-13"], sharpe["2025-11-13 difference"]) == (1.25, 2.5, 1.25)
    assert long.select("metric", "value").rows() == [("sharpe_ratio", 2.5)]
    back = archive.compare("SOL/USDT", ["2025-11-13", "2025-11-12"])
    assert back.filter(back["metric"] == "sharpe_ratio")["2025-11-12 difference"].to_list() == [-1.25]
    with pytest.raises(LookupError, match="no run of 2025-11-14"):
        archive.compare("SOL/USDT", ["2025-11-12", "2025-11-14"])


def test_a_bad_symbol_or_day_says_what_is_expected(archive: Archive) -> None:
    with pytest.raises(ValueError, match="such as SOL/USDT"):
        archive.runs("../../etc")
    with pytest.raises(ValueError, match="isoformat"):
        archive.runs(since="yesterday")


def test_an_empty_store_has_no_runs(archive: Archive) -> None:
    assert archive.runs().is_empty()
    assert archive.symbols() == []
    with pytest.raises(RunNotFound, match="SOL-USDT"):
        archive.latest("SOL/USDT")


def test_metrics_that_are_no_json_object_are_empty(kept: Kept, archive: Archive) -> None:
    kept.plant(Planted(metrics=None, files={Kind.METRICS: b"[1, 2"}), NEXT_DAY)

    assert list(archive.runs()["sharpe_ratio"]) == [None, 2.5]


def test_a_metric_of_several_types_and_the_name_of_a_column(kept: Kept, archive: Archive) -> None:
    kept.plant(
        Planted(metrics={"value": 1, "symbol": "x", "list": [1, 2], "huge": 10**400}),
        Planted(trained_at="2025-11-13T08:00:00Z", metrics={"value": "many", "flag": True}),
    )

    frame = archive.runs()

    assert frame.select("value", ".symbol", "list", "flag", "huge").rows() == [
        ("1", "x", "[1, 2]", None, str(10**400)),
        ("many", None, None, True, None),
    ]
    assert frame.schema["symbol"] == pl.String


def test_types_settle_as_runs_come(kept: Kept, archive: Archive) -> None:
    kept.plant(Planted(metrics={"whole": 1, "none": None}))
    assert archive.runs().schema["whole"] == pl.Int64
    kept.plant(Planted(trained_at="2025-11-13T08:00:00Z", metrics={"whole": 1.5, "none": 2}))
    archive.refresh()

    assert archive.runs().select("whole", "none").rows() == [(1.0, None), (1.5, 2)]


def test_a_document_is_fetched_once_and_the_next_process_asks_only_what_changed(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_dropbox.plant(EVENING, NEXT_DAY)
    for _ in range(2):
        with in_dropbox.open(monkeypatch) as archive:
            assert len(archive.runs()) == 2
            assert len(archive.runs()) == 2

    assert len(in_dropbox.calls("download")) == 2
    assert len(in_dropbox.calls("list_folder")) == 1
    assert len(in_dropbox.calls("list_folder/continue")) == 1


def test_a_cursor_that_is_good_for_nothing_begins_anew(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_dropbox.plant(EVENING, NEXT_DAY)
    with in_dropbox.open(monkeypatch) as archive:
        archive.runs()
        in_dropbox.emulator.faults.add(
            Fault(route="files/list_folder/continue", kind="error", error={".tag": "reset"})
        )
        in_dropbox.remove(EVENING.folder)
        archive.refresh()

        assert list(archive.runs()["folder"]) == [NEXT_DAY.folder]
    assert len(in_dropbox.calls("list_folder")) == 2


def test_a_first_listing_that_was_interrupted_goes_on_where_it_was(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [Planted(trained_at=f"20{year}-{month:02}-{day:02}T08:00:00Z") for year in range(18, 25)
            for month in range(1, 7) for day in range(1, 12)]  # fmt: skip
    in_dropbox.plant(*runs)
    in_dropbox.emulator.faults.add(Fault(route="files/list_folder/continue", kind="refuse", times=None))
    with in_dropbox.open(monkeypatch) as archive, pytest.raises(TryAgain):
        archive.runs()
    in_dropbox.emulator.faults.clear()
    with in_dropbox.open(monkeypatch) as archive:
        assert len(archive.symbols()) == 1
        assert len(archive.dates("SOL/USDT")) == len(runs)
    assert len(in_dropbox.calls("list_folder")) == 1


def test_offline_what_is_known_is_used_and_said_to_be_old(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_dropbox.plant(EVENING)
    with in_dropbox.open(monkeypatch) as archive:
        model_free = archive.latest("SOL/USDT")
        assert model_free.metrics == EVENING.metrics
        archive.runs()
    in_dropbox.settings |= {f"dropbox.{kind}_url": "https://127.0.0.1:1" for kind in ("api", "content", "oauth")}
    with in_dropbox.open(monkeypatch) as archive, pytest.raises(TryAgain):
        archive.runs()  # another store, of which nothing is known yet


def test_offline_runs_and_files_come_from_the_cache(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_dropbox.plant(NEXT_DAY)
    with in_dropbox.open(monkeypatch) as archive:
        archive.runs()
        assert archive.latest("SOL/USDT").metrics == NEXT_DAY.metrics
    in_dropbox.emulator.faults.add(Fault(route="*", kind="refuse", times=None))
    with in_dropbox.open(monkeypatch) as archive:
        with pytest.warns(Offline, match="the archive as of 20"):
            frame = archive.runs()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Offline)
            run = archive.latest("SOL/USDT")
            assert (list(frame["sharpe_ratio"]), run.metrics) == ([2.5], {"sharpe_ratio": 2.5})
            with pytest.raises(TryAgain):
                run.model_path()


def test_threads_share_an_archive(kept: Kept, archive: Archive) -> None:
    kept.plant(MORNING, EVENING, NEXT_DAY, OTHER)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: archive.runs().rows(), range(16)))

    assert all(rows == found[0] and len(rows) == 4 for rows in found)


async def test_a_coroutine_can_use_it_directly_and_in_a_thread(kept: Kept, archive: Archive) -> None:
    kept.plant(EVENING)

    assert len(archive.runs()) == len(await asyncio.to_thread(archive.runs)) == 1


def test_a_notebook_shows_runs_and_nothing_in_them_is_markup(kept: Kept, archive: Archive) -> None:
    kept.plant(Planted(metrics={"<script>alert(1)</script>": "<b>"}))

    shown = archive.latest("SOL/USDT")._repr_html_()

    assert "SOL-USDT" in shown
    assert "<script>" not in shown
    assert "<b>SOL" in shown
    assert "2025-11-12 16:49:20" in repr(archive.latest("SOL/USDT"))
    assert "SOL-USDT" in archive._repr_html_()
    assert json.dumps(archive.latest("SOL/USDT").metrics)
