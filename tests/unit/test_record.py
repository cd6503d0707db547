"""The run's identity and its record: the same bytes on every attempt, and nothing believed that is not true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_spool import layout
from huracan_spool.content_hash import content_hash
from huracan_spool.manifest import MAX_DEPTH, Kind, Manifest, parse_manifest, parse_symbol
from huracan_spool.record import (
    MAX_RECORD_BYTES,
    ArtifactFacts,
    KnownRun,
    RunKey,
    build_record,
    parse_record,
    rfc3339,
    run_digest,
)

AT = datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC)
SOL = parse_symbol("SOL/USDT")
HASHES = {kind: content_hash(kind.encode()) for kind in Kind}
FACTS = {
    kind: ArtifactFacts(f"{kind}.file", len(kind), hashlib.sha256(kind.encode()).hexdigest(), HASHES[kind])
    for kind in Kind
}
DIGEST = run_digest(SOL, AT, HASHES)


def manifest_with(metadata: Mapping[str, Any]) -> Manifest:
    return parse_manifest(
        json.dumps(
            {
                "version": 1,
                "symbol": "sol/usdt",
                "trained_at": "2025-11-12T16:49:20Z",
                "artifacts": {kind: f"{kind}.file" for kind in Kind},
                "metadata": metadata,
            }
        ).encode()
    )


def record_of(metadata: Mapping[str, Any] | None = None, **changed: Any) -> bytes:
    arguments = {
        "run": "SOL_USDT_20251112_164920",
        "digest": DIGEST,
        "uploaded_at": "2025-11-12T16:58:00Z",
        "host": "train-07",
        "inspection": None,
        "uploader": "huracan-spool 0.1.0",
    }
    return build_record(manifest_with(metadata or {}), changed.pop("facts", FACTS), **arguments | changed)


def believed(document: Any) -> KnownRun | None:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_record(data, "the record's hash", "SOL-USDT", "2025-11-12")


def test_the_digest_is_that_of_the_contract():
    lines = [
        "candles:" + HASHES[Kind.CANDLES],
        "features:" + HASHES[Kind.FEATURES],
        "metrics:" + HASHES[Kind.METRICS],
        "model:" + HASHES[Kind.MODEL],
        "symbol:SOL-USDT",
        "trades:" + HASHES[Kind.TRADES],
        "trained_at:20251112_164920",
    ]
    text = "".join(f"{line}\n" for line in lines)

    assert hashlib.sha256(text.encode()).hexdigest() == DIGEST


@given(
    kinds=st.lists(st.sampled_from(Kind), min_size=1, unique=True),
    at=st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)),
    spelling=st.sampled_from(["SOL/USDT", "sol-usdt", "Sol_Usdt", "SOL:USDT"]),
)
def test_the_digest_depends_on_the_folder_the_time_and_the_content_alone(kinds, at, spelling):
    wanted = [f"{kind}:{HASHES[kind]}" for kind in kinds] + [
        "symbol:SOL-USDT",
        f"trained_at:{layout.timestamp(at)}",
    ]
    expected = hashlib.sha256("".join(f"{line}\n" for line in sorted(wanted)).encode()).hexdigest()

    assert run_digest(parse_symbol(spelling), at, {kind: HASHES[kind] for kind in kinds}) == expected


def test_a_record_says_what_the_contract_says():
    metadata = {"git_commit": "a1b2c3d", "name": "Ünïcödé 漢字 🚀"}
    record = json.loads(record_of(metadata, inspection={"model": {"format": "torch zip"}, "rows": 5}))
    model = FACTS[Kind.MODEL]

    assert record == {
        "symbol": "SOL/USDT",
        "date": "2025-11-12",
        "uploaded_at": "2025-11-12T16:58:00Z",
        "trained_at": "2025-11-12T16:49:20Z",
        "run": "SOL_USDT_20251112_164920",
        "digest": DIGEST,
        "host": "train-07",
        "model": {
            "file": "model.file",
            "size": 5,
            "sha256": model.sha256,
            "content_hash": model.content_hash,
            "format": "torch zip",
        },
        "artifacts": {
            kind: {
                "path": layout.place(kind, SOL, AT),
                "size": facts.size,
                "sha256": facts.sha256,
                "content_hash": facts.content_hash,
            }
            for kind, facts in FACTS.items()
        },
        "inspection": {"model": {"format": "torch zip"}, "rows": 5},
        "metadata": metadata,
        "uploader": "huracan-spool 0.1.0",
    }


def test_a_run_without_a_model_has_null_for_it():
    facts = {Kind.METRICS: FACTS[Kind.METRICS]}

    assert json.loads(record_of(facts=facts))["model"] is None


def test_its_bytes_are_the_same_on_every_attempt():
    metadata = {"b": 1, "a": [1.5, None, "ü"]}

    assert len({record_of(metadata) for _ in range(5)}) == 1


def test_it_is_read_back_as_what_is_wanted_where():
    record = record_of({"ü": 1}, inspection={"model": None})

    assert parse_record(record, content_hash(record), "SOL-USDT", "2025-11-12") == KnownRun(
        RunKey("20251112_164920", DIGEST),
        {
            layout.RECORD_PLACE: content_hash(record),
            "model/model.bin": HASHES[Kind.MODEL],
            "metrics/training_metrics.json": HASHES[Kind.METRICS],
            "features/features.json": HASHES[Kind.FEATURES],
            "data/SOL_USDT_20251112_164920_candles.parquet": HASHES[Kind.CANDLES],
            "results/trades.csv": HASHES[Kind.TRADES],
        },
    )


def test_the_deepest_metadata_still_makes_a_record_that_is_read():
    """One that is too long to be read would leave its run's files without an owner."""
    deep: Any = [1] * 32_000
    for _ in range(MAX_DEPTH - 5):
        deep = [deep]

    assert len(record_of({"a": deep})) < MAX_RECORD_BYTES


@pytest.mark.parametrize(
    ("folder", "date"),
    [("SOL-USD", "2025-11-12"), ("SOL-USDT", "2025-11-13"), ("sol-usdt", "2025-11-12"), ("", "")],
)
def test_a_true_record_in_another_folder_is_not_believed(folder, date):
    assert parse_record(record_of(), "hash", folder, date) is None


def changed_artifact(**fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(record_of())
    document["artifacts"]["metrics"] |= fields
    return document


@pytest.mark.parametrize(
    "document",
    [
        json.loads(record_of()) | {"digest": "0" * 64},
        json.loads(record_of()) | {"digest": None},
        json.loads(record_of()) | {"trained_at": "2025-11-12T16:49:21Z"},
        json.loads(record_of()) | {"trained_at": 5},
        json.loads(record_of()) | {"trained_at": "0001-01-01T00:00:00+14:00"},
        json.loads(record_of()) | {"symbol": "BTC/USDT"},
        json.loads(record_of()) | {"symbol": 7},
        json.loads(record_of()) | {"symbol": ["SOL", "USDT"]},
        json.loads(record_of()) | {"symbol": {"a": 1}},
        json.loads(record_of()) | {"artifacts": {}},
        json.loads(record_of()) | {"artifacts": []},
        json.loads(record_of()) | {"artifacts": {"notes": {"content_hash": "a" * 64}}},
        json.loads(record_of()) | {"artifacts": {"model": "a" * 64}},
        json.loads(record_of()) | {"artifacts": {"model": {}}},
        changed_artifact(content_hash="0" * 64),
        changed_artifact(content_hash=HASHES[Kind.METRICS].upper()),
        changed_artifact(content_hash=None),
        changed_artifact(content_hash=[]),
        changed_artifact(content_hash="\ud800"),
        [],
        None,
        5,
        "text",
        b"",
        b"not json",
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b'{"symbol": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_true_record_is_nobodys(document):
    assert believed(document) is None


def test_a_hash_with_a_line_break_can_not_stand_for_two_artifacts():
    """Else a forged record could have a run's digest without its files, and the run would count as there."""
    hashes = {Kind.METRICS: HASHES[Kind.METRICS], Kind.MODEL: HASHES[Kind.MODEL]}
    digest = run_digest(SOL, AT, hashes)
    forged = {
        "symbol": "SOL/USDT",
        "trained_at": "2025-11-12T16:49:20Z",
        "digest": digest,
        "artifacts": {"metrics": {"content_hash": f"{HASHES[Kind.METRICS]}\nmodel:{HASHES[Kind.MODEL]}"}},
    }
    true = forged | {"artifacts": {kind: {"content_hash": value} for kind, value in hashes.items()}}

    assert believed(forged) is None
    assert believed(true) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
hostile = st.fixed_dictionaries(
    {},
    optional={
        "symbol": st.just("SOL/USDT") | json_values,
        "trained_at": st.just("2025-11-12T16:49:20Z") | json_values,
        "digest": st.just(DIGEST) | json_values,
        "artifacts": st.dictionaries(
            st.sampled_from(Kind) | st.text(), st.fixed_dictionaries({"content_hash": json_values}) | json_values
        )
        | json_values,
    },
)


@given(hostile.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=100))
def test_nothing_that_lies_in_the_account_can_stop_a_look(data):
    assert believed(data) is None


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (AT, "2025-11-12T16:49:20Z"),
        (datetime(850, 1, 2, 3, 4, 5, tzinfo=UTC), "0850-01-02T03:04:05Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "9999-12-31T23:59:59Z"),
    ],
)
def test_times_are_written_as_rfc_3339(moment, text):
    assert rfc3339(moment) == text


def test_runs_are_ordered_by_time_then_digest():
    keys = [RunKey("20251112_164920", "b"), RunKey("20251112_164920", "a"), RunKey("20251112_164919", "c")]

    assert sorted(keys) == [keys[2], keys[1], keys[0]]
