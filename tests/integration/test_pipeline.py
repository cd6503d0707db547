"""The way of a run through a real daemon: what is told, what is kept, how it can end."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from huracan_spool.emulator import Emulator, Fault
from support.bad_runs import STRANGER
from support.runs import make_run, only
from support.site import Site
from support.trees import archived, expected, remote, without_records

COMMIT = "files/upload_session/finish_batch_v2"
IMPATIENT = {
    "retry.call_first": "0.001s",
    "retry.call_max": "0.001s",
    "retry.run_first": "0.05s",
    "retry.run_max": "0.05s",
}


async def test_a_healthy_run_is_four_lines(connected: Site, dropbox: Emulator) -> None:
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        await daemon.settled(run.name)
    lines = [line for line in daemon.lines if line.fields.get("run") == run.name]
    assert [(line.level, line.event) for line in lines] == [
        ("info", "run_queued"),
        ("info", "starting_comprehensive_dropbox_upload"),
        ("info", "comprehensive_dropbox_upload_complete"),
        ("info", "temp_files_cleaned_up"),
    ]
    assert lines[2].fields["results"] == {
        "model": True,
        "metrics": True,
        "features": True,
        "candle_data": True,
        "trades": True,
    }
    assert daemon.complaints == []
    assert without_records(remote(dropbox)) == expected([run], {run.name: connected.receipt(run.name)["digest"]})
    assert connected.in_spool() == set()
    assert connected.receipts() == {run.name}


@pytest.mark.parametrize("kinds", [("metrics",), ("features", "candles"), ("model", "trades")])
async def test_any_subset_of_the_kinds_is_a_run(site: Site, kinds: tuple[str, ...]) -> None:
    run = only(make_run(), *kinds)
    async with site.daemon() as daemon:
        run.publish(site.spool)
        await daemon.settled(run.name)
    receipt = site.receipt(run.name)
    keys = {"candle_data" if kind == "candles" else kind for kind in kinds}
    assert receipt["results"] == dict.fromkeys(keys, True)
    assert without_records(archived(site.archive)) == expected([run], {run.name: receipt["digest"]})


async def test_the_newest_models_of_a_symbol_stay_on_this_host(site: Site) -> None:
    site.settings["spool.keep_models"] = "2"
    runs = [make_run(hour) for hour in (3, 1, 4, 2)]
    other = make_run(0, symbol="BTC/USDT")
    async with site.daemon() as daemon:
        for run in (*runs, other):
            run.publish(site.spool)
            await daemon.settled(run.name)
    assert site.kept_models() == {
        f"{folder}/20251112_{hour:02d}0000_{run.name}_model.pt": run.contents["model"]
        for folder, hour, run in (("SOL-USDT", 11, runs[0]), ("SOL-USDT", 12, runs[2]), ("BTC-USDT", 8, other))
    }


async def test_no_model_stays_if_none_is_asked_for(site: Site) -> None:
    site.settings["spool.keep_models"] = "0"
    run = make_run()
    async with site.daemon() as daemon:
        run.publish(site.spool)
        await daemon.settled(run.name)
    assert site.kept_models() == {}


async def test_a_run_that_waited_too_long_is_given_up_with_all_its_files(
    connected: Site, dropbox: Emulator
) -> None:
    connected.settings |= IMPATIENT | {"retry.give_up": "1s"}
    dropbox.faults.add(Fault(route=COMMIT, kind="server_error", times=None))
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        failed = await daemon.logged("run_failed", run=run.name)
    assert failed.fields["code"] == "gave_up"
    assert "retry" in failed.fields["reason"]
    assert connected.in_failed() == {run.name: {run.manifest_file, *run.files.values(), "reason.json"}}


async def test_what_the_store_never_takes_is_told_with_its_answer(connected: Site, dropbox: Emulator) -> None:
    refusal = {".tag": "path", "path": {".tag": "disallowed_name"}}
    dropbox.faults.add(Fault(route=COMMIT, kind="entries", entries={0: refusal}, times=None))
    run, good = make_run(0), make_run(1, symbol="BTC/USDT")
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        failed = await daemon.logged("run_failed", run=run.name)
        dropbox.faults.clear()
        good.publish(connected.spool)
        await daemon.settled(good.name)
    assert failed.fields["code"] == "refused_by_store"
    assert "disallowed_name" in failed.fields["reason"]
    assert connected.in_failed() == {run.name: {run.manifest_file, *run.files.values(), "reason.json"}}


async def test_only_those_may_submit_who_are_allowed_to(site: Site) -> None:
    site.settings["spool.allowed_uids"] = "1"
    run, mine = make_run(0), make_run(1)
    async with site.daemon() as daemon:
        for file in run.files.values():
            (site.spool / file).touch()
            os.chown(site.spool / file, STRANGER, -1)
        (site.spool / run.manifest_file).touch()
        os.chown(site.spool / run.manifest_file, STRANGER, -1)
        run.drop(site.spool)
        mine.publish(site.spool)  # root's are always taken
        failed = await daemon.logged("run_failed", run=run.name)
        await daemon.settled(mine.name)
    assert failed.fields["code"] == "wrong_owner"
    assert "allowed_uids" in failed.fields["reason"]


async def test_a_hard_link_is_as_good_as_a_file_and_its_other_name_stays(site: Site) -> None:
    run = make_run()
    elsewhere = site.home / "training.pt"
    elsewhere.write_bytes(run.contents["model"])
    async with site.daemon() as daemon:
        (site.spool / run.file("model")).hardlink_to(elsewhere)
        rest = {kind: data for kind, data in run.contents.items() if kind != "model"}
        replace(run, contents=rest).drop(site.spool, run.manifest())
        await daemon.settled(run.name)
    assert elsewhere.read_bytes() == run.contents["model"]
    assert elsewhere.stat().st_nlink == 1


async def test_no_secret_is_told_when_the_store_refuses_it(connected: Site, dropbox: Emulator) -> None:
    """Not in the log, not in an error, not in a receipt, not in the ledger."""
    token = dropbox.access_token
    connected.settings["log.level"] = "debug"
    dropbox.faults.add(Fault(route="*", kind="auth", tag="expired_access_token", times=None))
    run, bad = make_run(0), make_run(1)
    async with connected.daemon() as daemon:
        bad.drop(connected.spool, b"{")
        await daemon.logged("run_failed")
        run.publish(connected.spool)
        await daemon.logged("uploads_paused")
    assert token not in daemon.log + daemon.stderr
    files = [path for folder in (connected.spool, connected.state) for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if token.encode() in path.read_bytes()] == []


async def test_an_odd_manifest_is_warned_of_and_uploaded(site: Site) -> None:
    run = make_run()
    async with site.daemon() as daemon:
        run.drop(site.spool, run.manifest() | {"colour": "blue", "trained_at": "1999-12-31T23:59:59Z"})
        await daemon.settled(run.name)
    told = [line.fields["warning"] for line in daemon.lines if line.event == "manifest_is_odd"]
    assert len(told) == 2
    assert "colour" in told[0]
    assert "2000" in told[1]
