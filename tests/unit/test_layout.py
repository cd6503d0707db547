"""Every path that is made fits Dropbox's rules and can be taken apart again; nothing else can."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from huracan_spool import layout
from huracan_spool.layout import RemotePath, parse_path
from huracan_spool.manifest import Kind, Symbol, parse_symbol

SOL = parse_symbol("SOL/USDT")
AT = datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC)
DIGEST = "0123456789abcdef" * 4

# The longest that a manifest may have: 64 letters and digits, each joined to the next.
LONGEST = parse_symbol("-".join("A" * 64))

symbols = st.one_of(
    st.from_regex(r"[A-Za-z0-9]{1,6}([/_:-][A-Za-z0-9]{1,6}){0,6}", fullmatch=True).map(parse_symbol),
    st.just(LONGEST),
    st.sampled_from(["A_20251112_164920", "CON", "superseded", "data/candles", "candles"]).map(parse_symbol),
)
moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
DISALLOWED = re.compile(
    r"desktop\.ini|thumbs\.db|\.ds_store|icon\r|\.dropbox(\.attr|\.cache)?|~\$.*|\.~.*|~.*\.tmp"
)


def run_paths(symbol: Symbol, at: datetime, digest: str) -> dict[str, RemotePath]:
    """Every path that a run can have, with its parts."""
    day, stamp = layout.day_folder(symbol, at), layout.timestamp(at)
    places = {kind: layout.place(kind, symbol, at) for kind in Kind} | {None: layout.RECORD_PLACE}
    paths = {}
    for kind, place in places.items():
        moment = at if kind is Kind.CANDLES else None
        paths[f"{day}/{place}"] = RemotePath(symbol.folder, kind, at.date(), moment)
        superseded = f"{day}/{layout.superseded_folder(stamp, digest)}{place}"
        paths[superseded] = RemotePath(symbol.folder, kind, at.date(), at, digest[:8])
    for other in (None, digest):
        shared = layout.shared_candles(symbol, at, other)
        paths[shared] = RemotePath(symbol.folder, Kind.CANDLES, None, at, other and other[:8], shared=True)
    return paths


def test_the_tree_of_the_contract():
    assert list(run_paths(SOL, AT, DIGEST)) == [
        "models/training/2025-11-12/SOL-USDT/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-01234567/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/metrics/training_metrics.json",
        "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-01234567/metrics/training_metrics.json",
        "models/training/2025-11-12/SOL-USDT/features/features.json",
        "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-01234567/features/features.json",
        "models/training/2025-11-12/SOL-USDT/data/SOL_USDT_20251112_164920_candles.parquet",
        (
            "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-01234567/data/"
            "SOL_USDT_20251112_164920_candles.parquet"
        ),
        "models/training/2025-11-12/SOL-USDT/results/trades.csv",
        "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-01234567/results/trades.csv",
        "models/training/2025-11-12/SOL-USDT/model/model_metadata.json",
        "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-01234567/model/model_metadata.json",
        "data/candles/SOL-USDT/SOL_USDT_20251112_164920_candles.parquet",
        "data/candles/SOL-USDT/SOL_USDT_20251112_164920_candles-01234567.parquet",
    ]


@given(symbols, moments, digests)
@example(SOL, datetime(1, 1, 1, tzinfo=UTC), DIGEST)
@example(SOL, datetime(850, 3, 4, 5, 6, 7, tzinfo=UTC), DIGEST)
@example(LONGEST, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), DIGEST)
def test_a_path_is_taken_apart_into_what_it_was_made_of(symbol, at, digest):
    paths = run_paths(symbol, at, digest)

    assert {path: parse_path(path) for path in paths} == paths
    assert len(paths) == 14


@given(symbols, moments, digests)
def test_dropbox_takes_every_path(symbol, at, digest):
    unknown = (
        f"{layout.day_folder(symbol, at)}/{layout.unknown_place(digest, layout.place(Kind.CANDLES, symbol, at), 7)}"
    )

    for path in [*run_paths(symbol, at, digest), unknown]:
        for name in path.split("/"):
            assert 0 < len(name) <= 255
            assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
            assert not name.endswith((" ", "."))
            assert not DISALLOWED.fullmatch(name.lower())


@given(symbols, moments, digests, st.data())
def test_case_is_folded_back_to_the_spelling_of_this_module(symbol, at, digest, data):
    """Dropbox's names ignore case, and it may show another case than was sent."""
    day = layout.day_folder(symbol, at) + "/"
    path = data.draw(st.sampled_from([path for path in run_paths(symbol, at, digest) if path.startswith(day)]))
    place = path.removeprefix(day)
    shown = "".join(data.draw(st.sampled_from([str.upper, str.lower]))(character) for character in place)

    assert layout.canonical(shown) == place
    assert layout.canonical(place) == place
    assert layout.is_fixed_place(layout.canonical(shown)) is ("superseded" not in place)


@given(symbols, moments, digests, st.data())
def test_a_path_that_was_tampered_with_means_nothing_or_what_it_now_says(symbol, at, digest, data):
    path = data.draw(st.sampled_from(list(run_paths(symbol, at, digest))))
    cut = data.draw(st.integers(0, len(path)))
    changed = path[:cut] + data.draw(st.text(max_size=2)) + path[cut + data.draw(st.integers(0, 2)) :]

    parts = parse_path(changed)

    assert parts is None or changed in run_paths(*_as_made(parts, at, digest))


def _as_made(parts: RemotePath, at: datetime, digest: str) -> tuple[Symbol, datetime, str]:
    day = parts.date or (parts.trained_at or at).date()
    moment = parts.trained_at or datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Symbol(parts.symbol_folder), moment, (parts.digest8 or digest[:8]) + digest[8:]


@given(st.text(max_size=80))
def test_no_other_text_is_a_path(text):
    assert parse_path(text) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/models/training/2025-11-12/SOL-USDT/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/model/model.bin/",
        "models/training/2025-11-12/SOL-USDT/model/model.bin\n",
        "models/training/2025-11-12/sol-usdt/model/model.bin",
        "models/training/2025-11-12/SOL/USDT/model/model.bin",
        "models/training/2025-11-12/SOL--USDT/model/model.bin",
        "models/training/2025-02-30/SOL-USDT/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/model/other.bin",
        "models/training/2025-11-12/SOL-USDT/superseded/20251113_164920-01234567/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/superseded/20251112_256000-01234567/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-0123456/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-0123456X/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/superseded/unknown-01234567/model/model.bin",
        "models/training/2025-11-12/SOL-USDT/data/SOL_USDT_20251113_164920_candles.parquet",
        "models/training/2025-11-12/SOL-USDT/data/BTC_USDT_20251112_164920_candles.parquet",
        (
            "models/training/2025-11-12/SOL-USDT/superseded/20251112_164920-01234567/data/"
            "SOL_USDT_20251112_164921_candles.parquet"
        ),
        "data/candles/SOL-USDT/BTC_USDT_20251112_164920_candles.parquet",
        "data/candles/SOL-USDT/SOL_USDT_20251112_164920_candles-0123.parquet",
        "data/candles/SOL-USDT/SOL_USDT_20251312_164920_candles.parquet",
        "data/candles/SOL-USDT/SOL_USDT_\u0662\u0660\u0662\u06651112_164920_candles.parquet",
    ],
)
def test_paths_that_nobody_made(path):
    assert parse_path(path) is None


@given(symbols, moments, digests)
def test_no_two_files_of_two_runs_share_a_path_but_the_fixed_ones(symbol, at, digest):
    other_digest = f"{int(digest[:8], 16) ^ 1:08x}{digest[8:]}"
    superseded = {path for path in run_paths(symbol, at, digest) if "superseded" in path}

    assert superseded.isdisjoint(run_paths(symbol, at, other_digest))


@given(moments, moments)
def test_timestamps_sort_as_the_times_do_and_are_read_back(one, other):
    assert (layout.timestamp(one) < layout.timestamp(other)) is (one < other)
    assert layout.parse_timestamp(layout.timestamp(one)) == one


def test_early_years_have_four_digits():
    assert layout.timestamp(datetime(850, 1, 2, 3, 4, 5, tzinfo=UTC)) == "08500102_030405"
    assert layout.day_folder(SOL, datetime(850, 1, 2, tzinfo=UTC)) == "models/training/0850-01-02/SOL-USDT"


def test_the_same_unknown_content_can_come_more_than_once():
    hash_ = "ab" * 32

    assert layout.unknown_place(hash_, "model/model.bin") == "superseded/unknown-abababab/model/model.bin"
    assert layout.unknown_place(hash_, "model/model.bin", 2) == "superseded/unknown-abababab/2/model/model.bin"


@pytest.mark.parametrize(
    ("path", "is_record", "is_fixed"),
    [
        ("model/model_metadata.json", True, True),
        ("superseded/20251112_164920-01234567/model/model_metadata.json", True, False),
        ("superseded/unknown-abababab/model/model_metadata.json", True, False),
        ("model/model.bin", False, True),
        ("notes/model/model_metadata.json", False, False),
        ("data/SOL_USDT_20251112_164920_candles.parquet", False, True),
        ("data/notes.txt", False, False),
        ("Model/Model.bin", False, False),
    ],
)
def test_what_may_be_a_record_and_what_is_a_latest_runs_place(path, is_record, is_fixed):
    assert (layout.is_record(path), layout.is_fixed_place(path)) == (is_record, is_fixed)


def test_the_day_of_a_path_is_its_runs_date():
    assert parse_path("models/training/2025-11-12/SOL-USDT/model/model.bin") == RemotePath(
        "SOL-USDT", Kind.MODEL, date(2025, 11, 12)
    )
