"""What a manifest may say, what it may not, and that no bytes whatever do more than be refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from huracan_spool.manifest import (
    MAX_MANIFEST_BYTES,
    MAX_METADATA_BYTES,
    Artifact,
    BadManifest,
    Kind,
    Manifest,
    Symbol,
    name_problem,
    odd_time,
    parse_manifest,
    parse_symbol,
    parse_trained_at,
)

GOOD: dict[str, Any] = {
    "version": 1,
    "symbol": "SOL/USDT",
    "trained_at": "2025-11-12T16:49:20Z",
    "artifacts": {"metrics": "m.json"},
}
NOW = datetime(2025, 11, 12, 18, tzinfo=UTC)
SHA = "0123456789abcdef" * 4


def manifest_of(**changed: Any) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


def without(key: str) -> bytes:
    return json.dumps({name: value for name, value in GOOD.items() if name != key}).encode()


def metrics(**fields: Any) -> bytes:
    return manifest_of(artifacts={"metrics": {"file": "m.json", **fields}})


def nested(depth: int) -> bytes:
    return b'{"metadata":' + b"[" * depth + b"]" * depth + b"}"


def refused(data: bytes) -> BadManifest:
    with pytest.raises(BadManifest) as caught:
        parse_manifest(data)
    return caught.value


def test_the_contract_example():
    manifest = parse_manifest(
        manifest_of(
            artifacts={
                "model": {"file": "rl_agent.pt", "size": 8388608, "sha256": SHA.upper()},
                "metrics": {"file": "m.json"},
                "candles": "c.parquet",
            },
            metadata={"git_commit": "a1b2c3d", "host": "train-07"},
        )
    )

    assert manifest == Manifest(
        Symbol("SOL/USDT"),
        datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC),
        (
            Artifact(Kind.MODEL, "rl_agent.pt", 8388608, SHA),
            Artifact(Kind.METRICS, "m.json"),
            Artifact(Kind.CANDLES, "c.parquet"),
        ),
        {"git_commit": "a1b2c3d", "host": "train-07"},
    )
    assert manifest.files == ("rl_agent.pt", "m.json", "c.parquet")


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        # the document
        (b"", "bad_manifest", "empty"),
        (b" \n\t", "bad_manifest", "empty"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "too_big", "larger than 1048576"),
        (b"\xff" * (MAX_MANIFEST_BYTES + 1), "too_big", "larger than 1048576"),
        (b'{"version": 1', "bad_manifest", "not valid JSON"),
        (manifest_of() + b"{}", "bad_manifest", "not valid JSON"),
        (manifest_of()[:-1] + b",}", "bad_manifest", "not valid JSON"),
        (b"\xef\xbb\xbf" + manifest_of(), "bad_manifest", "BOM"),
        (manifest_of().decode().encode("utf-16"), "bad_manifest", "not UTF-8"),
        (manifest_of().decode().encode("utf-32-le"), "bad_manifest", "not valid JSON"),
        (b'{"symbol": "\xc0\xaf"}', "bad_manifest", "not UTF-8 (byte 12"),
        (b'{"symbol": "\xed\xa0\x80"}', "bad_manifest", "not UTF-8"),
        (b'{"symbol": "\\ud800"}', "bad_manifest", "surrogate"),
        (b'{"metadata": {"\\udfff": 1}}', "bad_manifest", "surrogate"),
        (b'{"metadata": [["a", {"b": "\\ude00\\ud83d"}]]}', "bad_manifest", "surrogate"),
        (b"[]", "bad_manifest", "JSON object"),
        (b"null", "bad_manifest", "JSON object"),
        (b'"version"', "bad_manifest", "JSON object"),
        (b'{"version": 1, "version": 1}', "bad_manifest", "'version' stands twice"),
        (b'{"metadata": {"a": {"b": 1, "b": 1}}}', "bad_manifest", "'b' stands twice"),
        (b'{"metadata": NaN}', "bad_manifest", "NaN is not JSON"),
        (b'{"metadata": {"a": [-Infinity]}}', "bad_manifest", "-Infinity is not JSON"),
        (b'{"metadata": {"a": 1e999}}', "bad_manifest", "1e999 is too large"),
        (b'{"metadata": {"a": ' + b"9" * 5000 + b"}}", "bad_manifest", "not valid JSON"),
        (nested(64), "bad_manifest", "nested more than 64"),
        (nested(5000), "bad_manifest", "nested"),
        (b"[" * MAX_MANIFEST_BYTES, "bad_manifest", "nested too deeply"),
        (b'{"a":' * 200_000, "bad_manifest", "nested too deeply"),
        # the version
        (without("version"), "bad_manifest", "version: expected the number 1"),
        (manifest_of(version="1"), "bad_manifest", "version: expected the number 1"),
        (manifest_of(version=True), "bad_manifest", "version: expected the number 1"),
        (manifest_of(version=1.0), "bad_manifest", "version: expected the number 1"),
        (manifest_of(version=None), "bad_manifest", "version: expected the number 1"),
        (manifest_of(version=2), "unsupported_version", "version 2 is not supported"),
        (manifest_of(version=0), "unsupported_version", "knows version 1"),
        (manifest_of(version=-1, symbol=5), "unsupported_version", "version -1"),
        # the symbol
        (without("symbol"), "bad_manifest", "symbol: expected a text"),
        (manifest_of(symbol=["SOL"]), "bad_manifest", "symbol: expected a text"),
        (manifest_of(symbol=""), "bad_symbol", "such as SOL/USDT"),
        (manifest_of(symbol="SOL//USDT"), "bad_symbol", "'SOL//USDT'"),
        (manifest_of(symbol="../../etc"), "bad_symbol", "'../../etc'"),
        (manifest_of(symbol="SOL/"), "bad_symbol", "parts joined by"),
        (manifest_of(symbol="SOL.USDT"), "bad_symbol", "parts joined by"),
        (manifest_of(symbol="SOL USDT"), "bad_symbol", "parts joined by"),
        (manifest_of(symbol="SOL/USDT\n"), "bad_symbol", r"'SOL/USDT\n'"),
        (manifest_of(symbol="SÖL"), "bad_symbol", r"'S\xd6L'"),
        (manifest_of(symbol="٣"), "bad_symbol", "letters and digits"),
        (manifest_of(symbol="A" * 65), "bad_symbol", "1 to 64"),
        # the time
        (without("trained_at"), "bad_manifest", "trained_at: expected a time"),
        (manifest_of(trained_at=1762966160), "bad_manifest", "trained_at: expected a time"),
        (manifest_of(trained_at="yesterday"), "bad_manifest", "trained_at 'yesterday': expected a time"),
        (manifest_of(trained_at="2025-02-30T00:00:00Z"), "bad_manifest", "trained_at '2025-02-30T00:00:00Z'"),
        # the artifacts
        (without("artifacts"), "bad_manifest", "artifacts: expected an object"),
        (manifest_of(artifacts={}), "bad_manifest", "at least one artifact"),
        (manifest_of(artifacts=["m.json"]), "bad_manifest", "artifacts: expected an object"),
        (manifest_of(artifacts={"notes": "n.txt"}), "bad_manifest", "artifacts.notes: unknown kind"),
        (manifest_of(artifacts={"Model": "m.pt"}), "bad_manifest", "one of model, metrics, features, candles"),
        (manifest_of(artifacts={"model": None}), "bad_manifest", "artifacts.model: expected a file name"),
        (manifest_of(artifacts={"model": 7}), "bad_manifest", "artifacts.model: expected a file name"),
        (manifest_of(artifacts={"model": {}}), "bad_manifest", "under `file`"),
        (manifest_of(artifacts={"model": {"file": None}}), "bad_manifest", "under `file`"),
        (
            manifest_of(artifacts={"model": "x", "metrics": {"file": "x"}}),
            "bad_manifest",
            "'x' is named more than once",
        ),
        (manifest_of(artifacts={"model": "a/b"}), "bad_manifest", "artifacts.model: the file name 'a/b' must be"),
        (metrics(size=-1), "bad_manifest", "artifacts.metrics.size: expected a number of bytes"),
        (metrics(size=1.5), "bad_manifest", "artifacts.metrics.size"),
        (metrics(size=True), "bad_manifest", "artifacts.metrics.size"),
        (metrics(size="12"), "bad_manifest", "artifacts.metrics.size"),
        (metrics(sha256="abc"), "bad_manifest", "artifacts.metrics.sha256: expected 64 hexadecimal digits"),
        (metrics(sha256=SHA + "\n"), "bad_manifest", "artifacts.metrics.sha256"),
        (metrics(sha256="g" * 64), "bad_manifest", "artifacts.metrics.sha256"),
        (metrics(sha256=0), "bad_manifest", "artifacts.metrics.sha256"),
        # the metadata
        (manifest_of(metadata=[]), "bad_manifest", "metadata: expected a JSON object"),
        (manifest_of(metadata=None), "bad_manifest", "metadata: expected a JSON object"),
        (manifest_of(metadata={"a": "x" * MAX_METADATA_BYTES}), "bad_manifest", "at most 65536 are allowed"),
        (manifest_of(metadata={"a": "ä" * 32768}), "bad_manifest", "metadata: 65544 bytes"),
    ],
)
def test_what_is_refused_and_why(data, code, says):
    bad = refused(data)

    assert bad.code == code
    assert says in bad.reason


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "1 to 255 bytes"),
        ("ä" * 128, "1 to 255 bytes"),
        (".hidden", "begin with a dot"),
        ("..", "begin with a dot"),
        ("a/b", "plain name"),
        ("/etc/passwd", "plain name"),
        ("a\\b", "plain name"),
        ("a\nb", "control"),
        ("a\x00", "control"),
        ("a\x7f", "control"),
        ("a\x85", "control"),
        ("failed", "keeps for itself"),
        ("receipts", "keeps for itself"),
        ("reason.json", "keeps for itself"),
        ("run.manifest.json", "keeps for itself"),
        ("\ud800", "UTF-8"),
    ],
)
def test_names_that_no_artifact_has(name, why):
    assert why in (name_problem(name) or "")


@pytest.mark.parametrize(
    "name",
    ["a", "a" * 255, "ä" * 127, "a b.csv", "-rf", "漢字.csv", "manifest.json", "🚀.pt", "x.manifest.json.bak"],
)
def test_names_that_an_artifact_may_have(name):
    assert parse_manifest(manifest_of(artifacts={"model": name})).files == (name,)


def test_every_problem_is_named_at_once():
    bad = refused(manifest_of(symbol="?", trained_at="?", artifacts={"model": "a/b", "x": "y"}, metadata=1))

    assert [problem.split(" ")[0] for problem in bad.reason.split("; ")] == [
        "symbol",
        "trained_at",
        "artifacts.model:",
        "artifacts.x:",
        "metadata:",
    ]
    assert bad.code == "bad_symbol"


@pytest.mark.parametrize(
    ("data", "files"),
    [
        (manifest_of(symbol="?", artifacts={"model": "m.pt", "x": {"file": "n"}, "trades": "m.pt"}), ("m.pt", "n")),
        (manifest_of(artifacts={"model": "/etc/shadow", "x": ".h", "y": 5, "metrics": "ok.json"}), ("ok.json",)),
        (manifest_of(version="1"), ("m.json",)),
        (manifest_of(artifacts=["m.json"]), ()),
        (manifest_of(version=2), ()),
        (b'{"artifacts": {"model": "m.pt"}, "metadata": NaN}', ()),
        (b'{"artifacts": {"model": "m.pt", "model": "n.pt"}}', ()),
    ],
)
def test_which_files_follow_a_bad_manifest(data, files):
    """All well-named ones if the document could be understood, none if it could not (contract section 2)."""
    assert refused(data).files == files


def test_a_hundred_thousand_problems_are_still_a_reason_that_people_can_read():
    bad = refused(manifest_of(artifacts={f"k{number}": "" for number in range(60_000)}))

    assert len(bad.reason) < 4000
    assert "more" in bad.reason


def test_a_hundred_thousand_unknown_keys_are_a_few_warnings():
    manifest = parse_manifest(manifest_of(**{f"k{number}": 0 for number in range(60_000)}))

    assert len(manifest.warnings) == 21
    assert manifest.warnings[-1] == "and 59980 more"


@pytest.mark.timeout(30)
def test_a_key_that_stands_twice_is_found_quickly_among_a_hundred_thousand():
    """Comparing each with each would keep the daemon busy for minutes."""
    keys = ",".join(f'"{number}":0' for number in range(90_000))

    assert "'89999' stands twice" in refused(f"{{{keys},{keys[-9:]}}}".encode()).reason


def test_unknown_keys_are_warnings():
    manifest = parse_manifest(manifest_of(note="x", artifacts={"metrics": {"file": "m.json", "rows": 1}}))

    assert manifest.warnings == ("unknown key 'note', ignored", "unknown key 'artifacts.metrics.rows', ignored")


def test_null_size_and_sha256_are_not_given():
    assert parse_manifest(metrics(size=None, sha256=None)).artifacts == (Artifact(Kind.METRICS, "m.json"),)


def test_a_file_may_be_empty_and_metadata_64_kib():
    metadata = {"a": "x" * (MAX_METADATA_BYTES - len('{"a":""}'))}

    manifest = parse_manifest(manifest_of(artifacts={"trades": {"file": "t", "size": 0}}, metadata=metadata))

    assert (manifest.artifacts[0].size, manifest.metadata) == (0, metadata)


@pytest.mark.parametrize(
    ("text", "folder", "prefix", "folded"),
    [
        ("SOL/USDT", "SOL-USDT", "SOL_USDT", "SOL/USDT"),
        ("btc/usdt:usdt", "BTC-USDT-USDT", "BTC_USDT_USDT", "BTC/USDT:USDT"),
        ("eth_usdt", "ETH-USDT", "ETH_USDT", "ETH_USDT"),
        ("1INCH-USDT", "1INCH-USDT", "1INCH_USDT", "1INCH-USDT"),
        ("x", "X", "X", "X"),
    ],
)
def test_symbols_are_folded_to_a_folder(text, folder, prefix, folded):
    symbol = parse_symbol(text)

    assert (symbol.folder, symbol.prefix, symbol.text) == (folder, prefix, folded)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-11-12T16:49:20Z", "2025-11-12 16:49:20"),
        ("2025-11-12T16:49:20", "2025-11-12 16:49:20"),
        ("2025-11-12 16:49:20.999999999Z", "2025-11-12 16:49:20"),
        ("2025-11-12t16:49:20z", "2025-11-12 16:49:20"),
        ("2025-11-12T16:49:20+05:30", "2025-11-12 11:19:20"),
        ("2025-11-12T16:49:20.5-11:00", "2025-11-13 03:49:20"),
        ("2025-11-12T16:49:20-00:00", "2025-11-12 16:49:20"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31 23:30:00"),
        ("2024-02-29T23:59:59-23:59", "2024-03-01 23:58:59"),
        ("2016-12-31T23:59:60Z", "2016-12-31 23:59:59"),
        ("2017-01-01T05:29:60.25+05:30", "2016-12-31 23:59:59"),
        ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31 23:59:59"),
    ],
)
def test_times_as_utc_in_whole_seconds(text, moment):
    assert parse_trained_at(text) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-11-12",
        "20251112T164920Z",
        "2025-11-12T16:49Z",
        "2025-11-12T16:49:20 Z",
        "2025-11-12T16:49:20Z\n",
        "2025-11-12T16:49:20+05:30\n",
        "\n2025-11-12T16:49:20Z",
        "2025-11-12T16:49:20,5Z",
        "2025-11-12T16:49:20.Z",
        "2025-11-12T16:49:20+0530",
        "2025-11-12T16:49:20+24:00",
        "2025-11-12T16:49:20+05:60",
        "2025-11-12T25:00:00Z",
        "2025-11-12T16:60:00Z",
        "2025-11-12T16:49:61Z",
        "2025-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٥-11-12T16:49:20Z",
    ],
)
def test_times_that_are_none(text):
    with pytest.raises(ValueError, match=r"."):
        parse_trained_at(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-00:01"])
def test_a_time_whose_utc_no_calendar_has_is_a_problem_like_any_other(text):
    assert refused(manifest_of(trained_at=text)).reason.startswith(f"trained_at '{text}'")


@given(
    moment=st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)),  # noqa: DTZ001
    offset=st.integers(-23 * 60 - 59, 23 * 60 + 59),
    fraction=st.sampled_from(["", ".0", ".123456789"]),
)
def test_any_time_is_read_as_datetime_reads_it(moment, offset, fraction):
    local = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    text = local.isoformat()

    assert parse_trained_at(text[:19] + fraction + text[19:]) == local


@pytest.mark.parametrize(
    ("trained_at", "says"),
    [
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), "before the year 2000"),
        (datetime(850, 1, 1, tzinfo=UTC), "before the year 2000"),
        (NOW + timedelta(days=1, seconds=1), "in the future"),
        (datetime(9999, 12, 31, tzinfo=UTC), "in the future"),
        (datetime(2000, 1, 1, tzinfo=UTC), None),
        (NOW + timedelta(days=1), None),
    ],
)
def test_odd_times_are_warned_about(trained_at, says):
    warning = odd_time(trained_at, NOW)

    assert warning is None if says is None else says in (warning or "")


symbols = st.lists(st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=8).flatmap(
    lambda parts: st.lists(st.sampled_from("/-_:"), min_size=len(parts) - 1, max_size=len(parts) - 1).map(
        lambda joints: "".join(a + b for a, b in zip(parts, [*joints, ""], strict=True))
    )
)
names = st.text(min_size=1, max_size=60).filter(lambda name: name_problem(name) is None)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    symbol=symbols,
    trained_at=st.datetimes(max_value=datetime(9999, 12, 31)),  # noqa: DTZ001
    files=st.dictionaries(st.sampled_from(Kind), names, min_size=1),
    size=st.none() | st.integers(0, 2**70),
    metadata=st.dictionaries(st.text(), json_values, max_size=3),
)
def test_whatever_a_producer_may_say_comes_back(symbol, trained_at, files, size, metadata):
    moment = trained_at.replace(microsecond=0)
    named = {name: kind for kind, name in files.items()}
    document = {
        "version": 1,
        "symbol": symbol,
        "trained_at": moment.isoformat() + "Z",
        "artifacts": {kind: {"file": name, "size": size} for name, kind in named.items()},
        "metadata": metadata,
    }

    manifest = parse_manifest(json.dumps(document).encode())

    assert manifest.symbol.text == symbol.upper()
    assert manifest.trained_at == moment.replace(tzinfo=UTC)
    assert manifest.artifacts == tuple(Artifact(kind, name, size) for name, kind in named.items())
    assert manifest.metadata == metadata


documents = st.fixed_dictionaries(
    {},
    optional={
        "version": st.just(1) | json_values,
        "symbol": symbols | json_values,
        "trained_at": st.just(GOOD["trained_at"]) | st.from_regex(r"[0-9:T.+-]{19,26}Z?") | json_values,
        "artifacts": st.dictionaries(st.sampled_from(Kind) | st.text(), names | json_values, max_size=4)
        | json_values,
        "metadata": json_values,
    },
)


@given(
    st.binary(max_size=200)
    | st.text(st.characters(), max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | documents.map(lambda document: json.dumps(document).encode())
)
@example(b'{"a":' * 100_000 + b"1")
@example(b'{"version": ' + b"9" * 4300 + b"}")
@example(b'{"version": 1, "metadata": {"a": -' + b"9" * 4300 + b"}}")
def test_any_bytes_are_a_manifest_or_are_refused(data):
    """Anything else that is raised would count as a defect of the daemon, and keep the run waiting."""
    try:
        parsed: Manifest | BadManifest = parse_manifest(data)
    except BadManifest as bad:
        parsed = bad

    assert all(name_problem(name) is None for name in parsed.files)
    if isinstance(parsed, BadManifest):
        assert len(parsed.reason.encode()) < 10_000
    else:
        assert parsed.artifacts
        assert json.dumps(parsed.metadata, ensure_ascii=False, allow_nan=False).encode()
