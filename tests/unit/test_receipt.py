"""Receipts come back as they were written, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_spool.manifest import Kind
from huracan_spool.receipt import FAILED, UPLOADED, ArtifactReceipt, Receipt, results_of
from huracan_spool.spool.files import Identity

UPLOADED_RECEIPT = Receipt(
    run="SOL_USDT_20251112_164920",
    status=UPLOADED,
    manifest_sha256="ab" * 32,
    manifest=Identity(1, 2, 3, 4),
    settled_at="2025-11-12T16:58:06Z",
    symbol="SOL/USDT",
    trained_at="2025-11-12T16:49:20Z",
    digest="cd" * 32,
    superseded=True,
    results={"model": True, "candle_data": True},
    artifacts={
        Kind.MODEL: ArtifactReceipt("m.pt", Identity(1, 5, 6, 7), ("/Huracan/m",), 6, "ef" * 32, "01" * 32),
        Kind.CANDLES: ArtifactReceipt("c.parquet", Identity(1, 8, 0, 0), ("/a", "/b"), 0, "23" * 32, "45" * 32),
    },
    attempts=3,
    bytes_sent=12,
    queued_at="2025-11-12T16:58:00Z",
    started_at="2025-11-12T16:58:01Z",
    inspection={"candles": {"rows": 2160}},
)
FAILED_RECEIPT = Receipt(
    run="broken",
    status=FAILED,
    manifest_sha256=None,
    manifest=None,
    settled_at="2025-11-12T16:58:06Z",
    code="bad_manifest",
    reason="the manifest is empty",
)


@pytest.mark.parametrize("receipt", [UPLOADED_RECEIPT, FAILED_RECEIPT], ids=["uploaded", "failed"])
def test_a_receipt_is_read_back_as_it_was_written(receipt):
    assert Receipt.from_json(receipt.to_json()) == receipt


def test_an_uploaded_receipt_has_the_fields_of_the_contract():
    document = json.loads(UPLOADED_RECEIPT.to_json())
    named = {"version", "run", "symbol", "trained_at", "status", "superseded", "results", "artifacts", "digest"}
    times = {"attempts", "bytes_sent", "queued_at", "started_at", "settled_at"}

    assert document.keys() == named | times | {"manifest", "manifest_sha256", "inspection"}
    assert document["version"] == 1
    assert document["artifacts"]["candles"] == {
        "file": "c.parquet",
        "identity": {"device": 1, "inode": 8, "size": 0, "mtime_ns": 0},
        "paths": ["/a", "/b"],
        "size": 0,
        "sha256": "23" * 32,
        "content_hash": "45" * 32,
    }


def test_a_failed_receipt_says_why():
    document = json.loads(FAILED_RECEIPT.to_json())

    assert (document["status"], document["code"], document["reason"]) == (
        "failed",
        "bad_manifest",
        "the manifest is empty",
    )


def test_results_have_the_keys_of_the_pipeline():
    assert results_of(list(Kind), ok=True) == {
        "model": True,
        "metrics": True,
        "features": True,
        "candle_data": True,
        "trades": True,
    }
    assert results_of({Kind.TRADES, Kind.CANDLES}, ok=False) == {"candle_data": False, "trades": False}


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(UPLOADED_RECEIPT.to_json()) | fields).encode()


def without(key: str) -> bytes:
    document = json.loads(UPLOADED_RECEIPT.to_json())
    return json.dumps({name: value for name, value in document.items() if name != key}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        UPLOADED_RECEIPT.to_json()[:-20],
        changed(version=2),
        changed(version="1"),
        changed(artifacts={"notes": {}}),
        changed(artifacts={"model": {}}),
        changed(artifacts=[]),
        changed(artifacts={"model": None}),
        changed(manifest={"device": 1}),
        changed(manifest="x"),
        changed(manifest={"device": float("inf"), "inode": 1, "size": 1, "mtime_ns": 1}),
        without("run"),
        without("status"),
        without("digest"),
        without("manifest_sha256"),
    ],
)
def test_what_this_version_did_not_write_is_no_receipt(data):
    with pytest.raises(ValueError, match=r"."):
        Receipt.from_json(data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(json.loads(UPLOADED_RECEIPT.to_json()))), values, max_size=4))
def test_a_damaged_receipt_is_refused_by_one_error(fields):
    data = changed(**fields)
    try:
        receipt = Receipt.from_json(data)
    except ValueError:
        return

    assert isinstance(receipt, Receipt)
