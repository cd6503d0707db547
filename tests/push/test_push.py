"""The archive goes to Dropbox and lies there as if a daemon had uploaded every run; what is there stays put."""

from __future__ import annotations

from pathlib import Path

import pytest
from archives import archive, bytes_below, bytes_in, push, received, snapshot, spoil

from huracan_spool.emulator import Emulator
from support.runs import Run, make_run, only
from support.site import Site
from support.trees import expected, records, remote, without_records

DAY = "models/training/2025-11-12/SOL-USDT"


def some_runs() -> list[Run]:
    """Two symbols; three runs of one day, one of the next; one without a model, one with candles alone."""
    sol = [make_run(seed) for seed in (0, 2, 1)]
    return [
        *sol,
        only(make_run(20), "metrics", "features", "candles"),
        only(make_run(0, symbol="BTC/USDT"), "candles"),
    ]


async def test_the_tree_is_the_one_that_a_daemon_would_have_left(site: Site, dropbox: Emulator) -> None:
    runs = some_runs()
    async with site.daemon() as daemon:
        for run in runs:
            run.publish(site.spool)
            await daemon.settled(run.name)
    before = snapshot(site.archive)
    site.connect(dropbox)

    done = await push(site, "--json")

    assert (done.code, done.json["already_there"], done.json["broken"], done.json["failed"]) == (0, 0, [], [])
    assert {each["run"] for each in done.json["pushed"]} == {run.name for run in runs}
    assert without_records(remote(dropbox)) == expected(runs, records(dropbox))
    assert bytes_in(dropbox) == bytes_below(site.archive), "the records too, byte for byte"
    assert snapshot(site.archive) == before


async def test_what_is_there_costs_a_listing_and_nothing_else(connected: Site, dropbox: Emulator) -> None:
    runs = [make_run(hour, symbol=f"S{number}/USDT") for number in range(12) for hour in (0, 1, 20)]
    await archive(connected.archive, runs)
    assert (await push(connected)).code == 0
    writes, calls = len(dropbox.writes), len(dropbox.calls)

    done = await push(connected, "--json")

    assert (done.code, done.json["pushed"], done.json["already_there"]) == (0, [], len(runs))
    assert len(dropbox.writes) == writes
    assert {call.route for call in dropbox.calls[calls:]} <= {"files/list_folder", "files/list_folder/continue"}
    assert len(dropbox.calls) - calls <= 6


async def test_only_what_is_missing_is_sent(connected: Site, dropbox: Emulator) -> None:
    old, new = make_run(0), make_run(1)
    await archive(connected.archive, [old])
    await push(connected)
    await archive(connected.archive, [new])
    before = len(dropbox.calls)

    done = await push(connected, "--json")

    assert (done.json["already_there"], [each["run"] for each in done.json["pushed"]]) == (1, [new.name])
    assert bytes_in(dropbox) == bytes_below(connected.archive)
    assert received(dropbox, before) < 2 * sum(map(len, new.contents.values())) + 10_000


async def test_same_size_is_no_proof(connected: Site, dropbox: Emulator) -> None:
    """A run counts as there only if every content hash is right."""
    run = make_run()
    await archive(connected.archive, [run])
    await push(connected)
    place = f"/Huracan/{DAY}/metrics/training_metrics.json"
    data = dropbox.tree()[place].read()
    dropbox.put(place, data[:-1] + b" ")

    done = await push(connected, "--json")

    assert [each["run"] for each in done.json["pushed"]] == [run.name]
    assert dropbox.tree()[place].read() == data


async def test_missing_shared_candles_are_added(connected: Site, dropbox: Emulator) -> None:
    """The daemon that left the run may have died before the shared copy."""
    run = make_run()
    await archive(connected.archive, [run])
    for path, data in bytes_below(connected.archive).items():
        if "/data/candles/" not in path:
            dropbox.put(path, data)

    done = await push(connected, "--json")

    assert [each["run"] for each in done.json["pushed"]] == [run.name]
    assert bytes_in(dropbox) == bytes_below(connected.archive)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["older host first", "newer host first"])
async def test_two_hosts_archives_end_alike_in_either_order(
    tmp_path: Path, dropbox: Emulator, order: tuple[int, int]
) -> None:
    runs = [make_run(seed, symbol=symbol) for seed in range(4) for symbol in ("SOL/USDT", "ETH/USDT")]
    sites = [Site(tmp_path / name) for name in ("a", "b")]
    for number, each in enumerate(sites):
        each.connect(dropbox)
        each.settings["upload.calls_per_second"] = "1000"
        await archive(each.archive, runs[number::2] if number else [*runs[::2], runs[1]], host=each.home.name)

    for number in order:
        assert (await push(sites[number])).code == 0

    assert without_records(remote(dropbox)) == expected(runs, records(dropbox))
    for each in sites:
        done = await push(each, "--json")
        assert (done.code, done.json["failed"], done.json["broken"]) == (0, [], [])
    assert without_records(remote(dropbox)) == expected(runs, records(dropbox))
    assert not [write for write in dropbox.writes if write.op in {"overwrite", "delete"}]


async def test_the_broken_stay_and_the_others_go(connected: Site, dropbox: Emulator) -> None:
    good = [make_run(0, symbol="ADA/USDT"), make_run(2)]
    damaged, incomplete, edited = make_run(1), make_run(0, symbol="BTC/USDT"), make_run(0, symbol="ETH/USDT")
    await archive(connected.archive, [*good, damaged, incomplete, edited])
    training = connected.archive / "models/training/2025-11-12"
    [model] = training.glob("SOL-USDT/superseded/*/model/model.bin")
    spoil(model)
    (training / "BTC-USDT/results/trades.csv").unlink()
    record = training / "ETH-USDT/model/model_metadata.json"
    record.write_bytes(record.read_bytes().replace(b'"digest": "', b'"digest": "0'))
    before = snapshot(connected.archive)

    done = await push(connected, "--json")

    assert done.code == 1
    assert {each["run"] for each in done.json["pushed"]} == {run.name for run in good}
    reasons = {(each["day"][11:], each["run"]): each["reason"] for each in done.json["broken"]}
    assert reasons.keys() == {
        ("SOL-USDT", damaged.name),
        ("BTC-USDT", incomplete.name),
        ("ETH-USDT", "the latest run"),
    }
    assert reasons["SOL-USDT", damaged.name].startswith("model/model.bin: it has the content hash ")
    assert reasons["BTC-USDT", incomplete.name] == "results/trades.csv: it is missing"
    assert "no true record" in reasons["ETH-USDT", "the latest run"]
    assert snapshot(connected.archive) == before
    assert without_records(remote(dropbox)) == expected(good, records(dropbox))


async def test_a_dry_run_sends_nothing_and_finds_what_is_broken(connected: Site, dropbox: Emulator) -> None:
    there, new, broken = make_run(0, symbol="ADA/USDT"), make_run(0), make_run(0, symbol="BTC/USDT")
    await archive(connected.archive, [there])
    await push(connected)
    await archive(connected.archive, [new, broken])
    spoil(connected.archive / "models/training/2025-11-12/BTC-USDT/metrics/training_metrics.json")
    writes = len(dropbox.writes)

    done = await push(connected, "--dry-run", "--json")
    told = await push(connected, "--dry-run")

    assert (done.code, done.json["dry_run"], done.json["already_there"]) == (1, True, 1)
    assert [each["run"] for each in done.json["pushed"]] == [new.name]
    assert [each["run"] for each in done.json["broken"]] == [broken.name]
    assert len(dropbox.writes) == writes
    assert "would go  1 run, " in told.out


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (("--symbol", "sol_usdt"), {"a", "b", "c"}),
        (("--since", "2025-11-13"), {"b", "c"}),
        (("--until", "2025-11-12"), {"a", "d"}),
        (("--since", "2025-11-13", "--until", "2025-11-13", "--symbol", "SOL/USDT"), {"b"}),
        (("--since", "2026-01-01"), set()),
    ],
)
async def test_runs_are_chosen_by_symbol_and_training_date(
    connected: Site, options: tuple[str, ...], chosen: set[str]
) -> None:
    runs = [make_run(hour, name=name) for hour, name in ((0, "a"), (20, "b"), (50, "c"))]
    await archive(connected.archive, [*runs, make_run(0, symbol="BTC/USDT", name="d")])

    done = await push(connected, "--json", *options)

    assert (done.code, {each["run"] for each in done.json["pushed"]}) == (0, chosen)


async def test_an_empty_archive_is_said_to_be_empty(connected: Site) -> None:
    done = await push(connected)

    assert (done.code, "no such runs" in done.err) == (0, True)


async def test_a_daemon_may_upload_to_the_same_days_meanwhile(connected: Site, dropbox: Emulator) -> None:
    archived = [make_run(hour, symbol=symbol) for hour in (0, 2, 4) for symbol in ("SOL/USDT", "BTC/USDT")]
    fresh = [make_run(hour, symbol=symbol) for hour in (1, 3, 5) for symbol in ("SOL/USDT", "BTC/USDT")]
    await archive(connected.archive, archived)
    async with connected.daemon() as daemon:
        for run in fresh:
            run.publish(connected.spool)

        done = await push(connected)

        await daemon.settled(*(run.name for run in fresh))
        assert done.code == 0
        assert without_records(remote(dropbox)) == expected([*archived, *fresh], records(dropbox))


async def test_a_daemon_may_write_into_the_archive_meanwhile(site: Site, dropbox: Emulator) -> None:
    """It has no log-in yet. Late runs and newer ones make it move the files that are being sent."""
    runs = [make_run(hour, symbol=symbol) for hour in (3, 5, 1, 4, 2, 6) for symbol in ("SOL/USDT", "BTC/USDT")]
    async with site.daemon() as daemon:
        site.connect(dropbox)
        site.settings["upload.calls_per_second"] = "1000"
        for number in range(0, len(runs), 3):
            for run in runs[number : number + 3]:
                run.publish(site.spool)

            done = await push(site, "--json")

            assert (done.code, done.json["broken"], done.json["failed"]) == (0, [], [])
        await daemon.settled(*(run.name for run in runs))

    done = await push(site, "--json")

    assert done.code == 0
    assert bytes_in(dropbox) == bytes_below(site.archive)
    assert without_records(remote(dropbox)) == expected(runs, records(dropbox))
