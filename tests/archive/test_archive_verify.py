"""`verify` finds everything that differs, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kept_runs import Kept, KeptInDropbox

from huracan_spool.archive.archive import Archive
from huracan_spool.manifest import Kind
from huracan_spool.receipt import UPLOADED, ArtifactReceipt, Receipt
from huracan_spool.spool.files import Identity
from support.planting import Planted

CANDLES = b"PAR1 not looked into PAR1"
RUN = Planted(files={Kind.TRADES: b"a\n1\n", Kind.CANDLES: CANDLES})
OLD = Planted(trained_at="2025-11-12T08:00:00Z", files={Kind.TRADES: b"a\n2\n"}, superseded=True)
NEXT = Planted(trained_at="2025-11-13T08:00:00Z", files={Kind.TRADES: b"a\n3\n"})
SHARED = "data/candles/SOL-USDT/SOL_USDT_20251112_164920_candles.parquet"


def problems(archive: Archive) -> list[tuple[str, str]]:
    archive.refresh()
    return [(each.problem, each.path) for each in archive.verify().differences]


def test_a_store_as_the_daemon_leaves_it_has_no_differences(kept: Kept, archive: Archive) -> None:
    kept.plant(RUN, OLD, NEXT)

    verified = archive.verify()

    assert (verified.runs, verified.files, verified.differences) == (3, 10, ())
    assert archive.latest("SOL/USDT").verify() == []


def test_what_is_missing_changed_or_too_much_is_told(kept: Kept, archive: Archive) -> None:
    kept.plant(RUN, OLD, NEXT)
    kept.remove(RUN.folder + "results/trades.csv")
    kept.put(OLD.folder + "results/trades.csv", b"a\n9\n")
    kept.put(NEXT.folder + "features/features.json", b"{}")
    kept.put(NEXT.folder + "superseded/unknown-01234567/results/trades.csv", b"x")
    kept.put("notes.txt", b"mine")

    assert problems(archive) == sorted(
        [
            ("missing", RUN.folder + "results/trades.csv"),
            ("differs", OLD.folder + "results/trades.csv"),
            ("unexpected", NEXT.folder + "features/features.json"),
            ("unexpected", NEXT.folder + "superseded/unknown-01234567/results/trades.csv"),
            ("unexpected", "notes.txt"),
        ],
        key=lambda each: each[1],
    )


def test_a_record_that_lies_or_is_gone_leaves_files_without_an_owner(kept: Kept, archive: Archive) -> None:
    kept.plant(RUN, NEXT)
    kept.put(RUN.folder + "model/model_metadata.json", b"{}")
    kept.remove(NEXT.folder + "model/model_metadata.json")

    assert problems(archive) == [
        ("bad_record", RUN.folder + "model/model_metadata.json"),
        ("unexpected", NEXT.folder + "metrics/training_metrics.json"),
        ("unexpected", NEXT.folder + "results/trades.csv"),
    ]


def test_shared_candles_are_looked_for(kept: Kept, archive: Archive) -> None:
    kept.plant(RUN)
    kept.put(SHARED, b"others")
    assert problems(archive) == [("missing", "data/candles/SOL-USDT/")]
    other_name = SHARED.replace("_candles", f"_candles-{RUN.digest[:8]}")
    kept.put(other_name, CANDLES)
    assert problems(archive) == []


def receipt_of(run: Planted, name: str) -> Receipt:
    artifact = ArtifactReceipt(
        "t.csv", Identity(1, 2, 3, 4), (f"/Huracan/{run.folder}results/trades.csv",), 4, "0", "0"
    )
    return Receipt(
        run=name,
        status=UPLOADED,
        manifest_sha256=None,
        manifest=None,
        settled_at="2025-11-12T17:00:00Z",
        symbol=run.symbol,
        trained_at=run.trained_at,
        digest=run.digest,
        artifacts={Kind.TRADES: artifact},
    )


def test_a_run_that_a_receipt_promises_is_looked_for_wherever_it_is(kept: Kept, archive: Archive) -> None:
    kept.plant(RUN, OLD)
    receipts = [receipt_of(RUN, "run"), receipt_of(OLD, "old"), receipt_of(NEXT, "next")]

    assert [(each.problem, each.path) for each in archive.verify(receipts=receipts).differences] == [
        ("lost", f"/Huracan/{NEXT.folder}results")
    ]
    assert archive.verify("SOL/USDT", until="2025-11-12", receipts=receipts).differences == ()


def test_the_command_lists_what_differs_and_exits_with_1(kept: Kept) -> None:
    kept.plant(RUN, NEXT)
    fine = kept.command("verify")
    kept.remove(RUN.folder + "results/trades.csv")
    spool = kept.home / "spool"
    (spool / "receipts").mkdir(parents=True)
    (spool / "receipts/old.json").write_bytes(receipt_of(OLD, "old").to_json())
    kept.settings["spool.path"] = str(spool)

    broken, one = kept.command("verify", "--json"), kept.command("verify", "SOL/USDT", "2025-11-13")

    assert (fine.code, fine.out) == (0, "")
    assert "2 runs, 7 files, 0 differences" in fine.err
    assert broken.code == 1
    assert [each["problem"] for each in broken.json["differences"]] == ["lost", "missing"]
    assert (one.code, one.out) == (0, "")


def test_in_dropbox_only_records_are_fetched(in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch) -> None:
    in_dropbox.plant(RUN, OLD, NEXT)
    with in_dropbox.open(monkeypatch) as archive:
        archive.verify()
        archive.verify()

    assert len(in_dropbox.calls("download")) == 3


def test_receipts_that_may_not_be_read_or_are_none_are_passed_over(kept: Kept, tmp_path: Path) -> None:
    kept.plant(RUN)
    spool = tmp_path / "spool"
    (spool / "receipts").mkdir(parents=True)
    (spool / "receipts/half.json").write_text(json.dumps({"version": 1}))
    kept.settings["spool.path"] = str(spool)

    assert kept.command("verify").code == 0
