"""What every store promises (`stores.base`, contract section 4), by what lies in it afterwards."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations
from pathlib import Path

import pytest
from places import PATIENCE, Place
from planned_runs import (
    AT,
    FIVE,
    RECORD,
    again,
    bytes_of,
    day_of,
    expected_tree,
    planned,
    shared_candles,
    superseded_folder,
)

from huracan_spool.content_hash import content_hash
from huracan_spool.errors import TryAgain
from huracan_spool.manifest import Kind
from huracan_spool.stores.base import Content, PlannedRun
from huracan_spool.stores.settling import StrangersInTheWay

HOUR = timedelta(hours=1)
STRANGER = b"a stranger's"
ALL_SUBSETS = [kinds for count in range(1, 6) for kinds in combinations(Kind, count)]


def run_at(at: datetime, *kinds: Kind, **same: bytes) -> PlannedRun:
    """A run whose files differ from those of other times, but for what is given as `same`."""
    contents = {kind: f"{kind} of {at}".encode() for kind in kinds or Kind}
    return planned(contents | {Kind(kind): data for kind, data in same.items()}, at)


async def test_any_subset_of_the_kinds_makes_the_tree_of_the_contract(place: Place) -> None:
    """31 runs of 31 symbols."""
    store = place.store()
    runs = [
        planned({kind: FIVE[kind] for kind in kinds}, symbol=f"S{n}/USDT") for n, kinds in enumerate(ALL_SUBSETS)
    ]

    for run in runs:
        assert not (await store.put(run)).superseded

    assert place.tree() == expected_tree(*runs)


async def test_the_five_files_of_a_run_lie_where_the_contract_says(place: Place) -> None:
    run = planned()

    await place.store().put(run)

    day = "models/training/2025-11-12/SOL-USDT"
    assert place.tree() == {
        f"{day}/model/model.bin": b"the model",
        f"{day}/model/model_metadata.json": run.record.source,
        f"{day}/metrics/training_metrics.json": b"the metrics",
        f"{day}/features/features.json": b"the features",
        f"{day}/data/SOL_USDT_20251112_164920_candles.parquet": b"the candles",
        f"{day}/results/trades.csv": b"the trades",
        "data/candles/SOL-USDT/SOL_USDT_20251112_164920_candles.parquet": b"the candles",
    }


@pytest.mark.parametrize("order", [("bring", "put"), ("put", "bring")])
async def test_bytes_that_are_brought_ahead_are_a_help_or_none(place: Place, order: tuple[str, str]) -> None:
    """Whichever of the two comes to its work first; on a day that is known to have a run, the look comes before."""
    earlier, run, store = run_at(AT - HOUR), planned(), place.store()
    await store.put(earlier)
    calls = {"bring": lambda: store.bring(run.digest, run.artifacts), "put": lambda: store.put(run)}

    await asyncio.gather(*[calls[name]() for name in order])

    assert place.tree() == expected_tree(earlier, run)


async def test_what_is_reported_is_there(place: Place) -> None:
    older, newer = run_at(AT), run_at(AT + HOUR)
    store = place.store()

    stored = [await store.put(newer), await store.put(older)]

    root = place.root()
    tree = {f"{root}/{path}": data for path, data in place.tree().items()}
    for run, where in zip((newer, older), stored, strict=True):
        assert where.paths.keys() == run.artifacts.keys()
        assert all(
            tree[path] == run.artifacts[kind].source for kind, paths in where.paths.items() for path in paths
        )
        assert len(where.paths[Kind.CANDLES]) == 2
    assert [where.superseded for where in stored] == [False, True]
    assert superseded_folder(older) in stored[1].paths[Kind.MODEL][0]


@pytest.mark.parametrize("tried_before", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
async def test_storing_a_run_again_changes_nothing(place: Place, tried_before: bool, restarted: bool) -> None:
    run, store = planned(), place.store()
    await store.put(run)
    before = place.versions()

    stored = await (place.store() if restarted else store).put(replace(run, tried_before=tried_before))

    assert place.versions() == before
    assert not stored.superseded


async def test_a_superseded_run_stored_again_changes_nothing(place: Place) -> None:
    older, newer = run_at(AT), run_at(AT + HOUR)
    store = place.store()
    await store.put(older)
    await store.put(newer)
    before = place.versions()

    stored = await store.put(again(older))

    assert place.versions() == before
    assert stored.superseded


async def test_the_same_run_from_another_host_is_there_already(place: Place) -> None:
    """Its record differs in when and where; the first one stays."""
    store = place.store()
    first = planned(host="train-07", uploaded_at="2025-11-12T16:58:00Z")
    second = planned(host="train-08", uploaded_at="2025-11-12T17:30:00Z")
    assert first.digest == second.digest
    await store.put(first)
    before = place.versions()

    await store.put(second)

    assert place.versions() == before


THREE = {
    "different in everything": [run_at(AT), run_at(AT + HOUR), run_at(AT + 2 * HOUR)],
    "the same bytes in some files": [
        run_at(AT, metrics=b"same", model=b"one"),
        run_at(AT + HOUR, metrics=b"same", model=b"two"),
        run_at(AT + 2 * HOUR, metrics=b"same", model=b"one"),
    ],
    "all bytes the same": [planned(FIVE, AT + hours * HOUR) for hours in range(3)],
    "the same bytes in different kinds": [
        planned({Kind.METRICS: b"x", Kind.FEATURES: b"y"}, AT),
        planned({Kind.METRICS: b"y", Kind.FEATURES: b"x"}, AT + HOUR),
        planned({Kind.MODEL: b"x", Kind.TRADES: b"x", Kind.METRICS: b"x"}, AT + 2 * HOUR),
    ],
    "fewer kinds the later": [
        run_at(AT),
        run_at(AT + HOUR, Kind.METRICS, Kind.TRADES),
        run_at(AT + 2 * HOUR, Kind.FEATURES),
    ],
    "more kinds the later": [
        run_at(AT, Kind.FEATURES),
        run_at(AT + HOUR, Kind.METRICS, Kind.TRADES),
        run_at(AT + 2 * HOUR),
    ],
    "at the same second": [
        run_at(AT, Kind.MODEL, Kind.METRICS, metrics=b"1"),
        run_at(AT, Kind.MODEL, Kind.METRICS, metrics=b"2"),
        run_at(AT, Kind.MODEL, Kind.METRICS, metrics=b"3"),
    ],
    "of two days": [run_at(AT), run_at(AT + 24 * HOUR), run_at(AT + 25 * HOUR)],
    "empty files": [planned(dict.fromkeys(Kind, b""), AT + hours * HOUR) for hours in range(3)],
}


@pytest.mark.parametrize("runs", THREE.values(), ids=THREE.keys())
async def test_the_tree_does_not_depend_on_the_order_of_arrival(place: Place, runs: list[PlannedRun]) -> None:
    expected = expected_tree(*runs)

    for number, order in enumerate(permutations(runs)):
        store = place.store(f"order-{number}")
        for run in order:
            await store.put(run)

        assert place.tree(f"order-{number}") == expected


@pytest.mark.parametrize("runs", THREE.values(), ids=THREE.keys())
async def test_retries_and_restarts_do_not_matter_either(place: Place, runs: list[PlannedRun]) -> None:
    first, second, third = runs

    for run in (second, again(second), third, first, again(third), again(second), again(first)):
        await place.store().put(run)

    assert place.tree() == expected_tree(*runs)


@pytest.mark.parametrize("host", ["train-07", "train-08"])
@pytest.mark.parametrize("kinds", [(), (Kind.METRICS,)], ids=["all kinds", "fewer kinds"])
async def test_a_superseded_run_that_is_submitted_anew_is_there_already(
    place: Place, host: str, kinds: tuple[Kind, ...]
) -> None:
    """By its producer once more, or from another host, after this one has been at that day."""
    older, newer = planned(), run_at(AT + HOUR, *kinds)
    store = place.store()
    for run in (older, newer, planned(host=host)):
        await store.put(run)

    assert place.tree() == expected_tree(older, newer)


async def test_shared_candles_of_one_second_go_by_who_came_first(place: Place) -> None:
    """The one thing that depends on order."""
    first, second = planned({Kind.CANDLES: b"1"}), planned({Kind.CANDLES: b"2"})
    store = place.store()

    for run in (first, second, again(second), first):
        await store.put(run)

    tree = place.tree()
    assert tree[shared_candles(first)] == b"1"
    assert tree[shared_candles(second, renamed=True)] == b"2"
    assert sum(path.startswith("data/candles/") for path in tree) == 2
    assert sum(path.startswith("models/") for path in tree) == 4


async def test_the_shared_name_may_be_taken_by_anybody(place: Place) -> None:
    run = planned()
    place.put(shared_candles(run), b"a person's")

    stored = await place.store().put(run)

    tree = place.tree()
    assert tree[shared_candles(run)] == b"a person's"
    assert tree[shared_candles(run, renamed=True)] == b"the candles"
    assert stored.paths[Kind.CANDLES][1] == f"{place.root()}/{shared_candles(run, renamed=True)}"


async def test_both_shared_names_taken_is_an_error_that_says_so(place: Place) -> None:
    run = planned()
    place.put(shared_candles(run), b"a person's")
    place.put(shared_candles(run, renamed=True), b"another's")

    with pytest.raises(TryAgain, match="hold other content"):
        await place.store().put(run)


@pytest.mark.parametrize("there", ["nothing", "the record", "half", "all but one", "all"])
async def test_a_run_that_was_tried_before_is_completed(place: Place, there: str) -> None:
    run = planned()
    files = list(bytes_of(run).items())
    counts = {"nothing": 0, "the record": 1, "half": 3, "all but one": 5, "all": 6}
    for path, data in files[: counts[there]]:
        place.put(f"{day_of(run)}/{path}", data)

    stored = await place.store().put(again(run))

    assert place.tree() == expected_tree(run)
    assert not stored.superseded


async def test_what_is_there_already_is_not_sent_again(place: Place) -> None:
    run = planned({Kind.MODEL: b"m" * 1_000_000, Kind.METRICS: b"x"})
    place.put(f"{day_of(run)}/model/model.bin", b"m" * 1_000_000)

    stored = await place.store().put(again(run))

    assert stored.bytes_sent < 100_000
    assert place.tree() == expected_tree(run)


@pytest.mark.parametrize("place_of_stranger", ["model/model.bin", RECORD, "results/trades.csv"])
@pytest.mark.parametrize("tried_before", [False, True])
async def test_a_stranger_in_the_way_gets_its_time_and_is_kept(
    place: Place, place_of_stranger: str, tried_before: bool
) -> None:
    run, store = planned(), place.store()
    place.put(f"{day_of(run)}/{place_of_stranger}", STRANGER)

    with pytest.raises(StrangersInTheWay) as caught:
        await store.put(replace(run, tried_before=tried_before))
    assert caught.value.retry_after == PATIENCE
    assert place.tree()[f"{day_of(run)}/{place_of_stranger}"] == STRANGER

    place.time.now += PATIENCE
    stored = await store.put(again(run))

    aside = f"{day_of(run)}/superseded/unknown-{content_hash(STRANGER)[:8]}"
    assert place.tree() == expected_tree(run) | {f"{aside}/{place_of_stranger}": STRANGER}
    assert not stored.superseded


async def test_a_stranger_beside_the_fixed_places_is_left_alone(place: Place) -> None:
    run = planned()
    place.put(f"{day_of(run)}/notes/readme.txt", b"a person's")
    place.put(f"{day_of(run)}/model/model.bin.bak", b"a person's")

    await place.store().put(again(run))

    assert place.tree() == expected_tree(run) | {
        f"{day_of(run)}/notes/readme.txt": b"a person's",
        f"{day_of(run)}/model/model.bin.bak": b"a person's",
    }


async def test_a_forged_record_does_not_pass_for_the_run(place: Place) -> None:
    """It has the run's digest and says that all is there; but what it names is not what the digest is made of."""
    run, store = planned(), place.store()
    forged = run.record.source.replace(run.artifacts[Kind.MODEL].content_hash.encode(), b"0" * 64)  # type: ignore[union-attr]
    place.put(f"{day_of(run)}/{RECORD}", forged)

    with pytest.raises(StrangersInTheWay):
        await store.put(run)
    place.time.now += PATIENCE
    await store.put(again(run))

    assert expected_tree(run).items() <= place.tree().items()


@pytest.mark.parametrize("year", [1, 850, 1850, 1969, 2038, 9999])
async def test_any_year_can_be_stored(place: Place, year: int) -> None:
    runs = [run_at(datetime(year, 12, 31, hour, 59, 59, tzinfo=UTC)) for hour in (1, 23)]
    store = place.store()

    for run in runs:
        await store.put(run)

    assert place.tree() == expected_tree(*runs)
    assert f"models/training/{year:04d}-12-31/SOL-USDT/model/model.bin" in place.tree()


async def test_however_a_symbol_is_spelled_its_runs_are_of_one_day(place: Place) -> None:
    runs = [run_at(AT + hours * HOUR) for hours in range(3)]
    spelled = [
        planned({kind: each.source for kind, each in run.artifacts.items()}, run.trained_at, symbol)  # type: ignore[misc]
        for run, symbol in zip(runs, ("sol/usdt", "SOL-usdt", "Sol_Usdt"), strict=True)
    ]
    store = place.store()

    for run in spelled:
        await store.put(run)

    assert place.tree() == expected_tree(*spelled)
    assert {path.split("/")[3] for path in place.tree() if path.startswith("models/")} == {"SOL-USDT"}


async def test_a_record_may_say_anything(place: Place) -> None:
    metadata = {"name": "Ünïcödé 漢字 🚀 \u2028 \x00", "deep": [[[[1.5e-300, None, True]]]], "": {"": ""}}
    older, newer = planned(metadata=metadata), run_at(AT + HOUR)
    store = place.store()

    for run in (older, newer):
        await store.put(run)

    assert place.tree() == expected_tree(older, newer)


async def test_a_record_as_long_as_they_come_still_owns_its_files(place: Place) -> None:
    """64 KiB of metadata, nested as deeply as a manifest may be, are megabytes when they are indented."""
    deep: object = [1] * 32_000
    for _ in range(55):
        deep = [deep]
    older, newer = planned(metadata={"deep": deep}), run_at(AT + HOUR)
    assert older.record.fingerprint.size > 3_000_000

    await place.store().put(older)
    await place.store().put(newer)

    assert place.tree() == expected_tree(older, newer)


@pytest.mark.parametrize("app_folder", ["", "Huracan", "Teams/Trading Bots/Huracan", "Ünï 漢字"])
async def test_the_app_folder_may_be_nested_or_empty(place: Place, app_folder: str) -> None:
    older, newer = run_at(AT), run_at(AT + HOUR)
    store = place.store(app_folder)

    stored = [await store.put(run) for run in (older, newer)]

    assert place.tree(app_folder) == expected_tree(older, newer)
    assert stored[1].paths[Kind.MODEL] == (f"{place.root(app_folder)}/{day_of(newer)}/model/model.bin",)


async def test_a_large_model_arrives_in_pieces(place: Place, tmp_path: Path) -> None:
    """13 MiB from a file, in chunks of 4 MiB where there are chunks."""
    data = random.Random(1).randbytes(13 * 1024 * 1024)
    (tmp_path / "model.pt").write_bytes(data)
    run = planned({Kind.MODEL: data, Kind.METRICS: b"m"})
    fd = os.open(tmp_path / "model.pt", os.O_RDONLY)
    from_file = replace(
        run, artifacts={**run.artifacts, Kind.MODEL: Content(fd, run.artifacts[Kind.MODEL].fingerprint)}
    )

    stored = await place.store().put(from_file)
    os.close(fd)

    assert place.tree() == expected_tree(run)
    assert stored.bytes_sent == sum(map(len, bytes_of(run).values()))


async def test_many_symbols_at_once(place: Place) -> None:
    """More than the store remembers of unfinished runs."""
    store = place.store()
    runs = [planned({Kind.METRICS: f"{n}".encode()}, symbol=f"S{n}") for n in range(120)]

    await asyncio.gather(*(store.put(run) for run in runs))

    assert place.tree() == expected_tree(*runs)


async def test_a_probe_of_a_good_store_leaves_nothing(place: Place) -> None:
    await place.store().put(planned())
    before = place.tree()

    await place.store().probe()

    assert place.tree() == before
