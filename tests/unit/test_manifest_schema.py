"""The schema says what the parser does, as far as a schema can."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from huracan_spool.codes import Code
from huracan_spool.manifest import (
    MAX_NAME_BYTES,
    MAX_SYMBOL_CHARACTERS,
    TIME_PATTERN,
    BadManifest,
    Kind,
    parse_manifest,
    parse_trained_at,
)
from huracan_spool.manifest_schema import manifest_schema

SCHEMA = manifest_schema()


def ecma_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    """JSON Schema's patterns are ECMA-262's, whose `$` does not match before a last line break."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


VALIDATOR = extend(Draft202012Validator, {"pattern": ecma_pattern})(SCHEMA)


def parses(document: Any) -> bool:
    try:
        parse_manifest(json.dumps(document).encode())
    except BadManifest:
        return False
    return True


def with_file(name: str) -> dict[str, Any]:
    return {"version": 1, "symbol": "A", "trained_at": "2025-11-12T16:49:20Z", "artifacts": {"model": name}}


def test_it_is_a_valid_schema():
    Draft202012Validator.check_schema(SCHEMA)


def test_it_is_json():
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


# Of the texts that look like a time hardly any is one.
TIMES = st.builds(
    "{:%Y-%m-%d}{}{:%H:%M:%S}{}{}".format,
    st.dates(date(1000, 1, 2), date(9999, 12, 30)),
    st.sampled_from("Tt "),
    st.times(),
    st.sampled_from(["", ".0", ".123456789"]),
    st.sampled_from(["", "Z", "z", "-00:00", "+05:30", "-23:59"]),
)


def from_schema(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Documents made by following the schema's own rules."""
    if "$ref" in node:
        return from_schema(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
    if "anyOf" in node:
        return st.one_of([from_schema(each) for each in node["anyOf"]])
    if "const" in node:
        return st.just(node["const"])
    if isinstance(node["type"], list):
        return st.one_of([from_schema({**node, "type": each}) for each in node["type"]])
    return BY_TYPE[node["type"]](node)


def _text(node: dict[str, Any]) -> st.SearchStrategy[str]:
    pattern = node["pattern"]
    matching = TIMES if pattern == TIME_PATTERN else st.from_regex(pattern, fullmatch=True)
    return matching.filter(Draft202012Validator(node).is_valid)


def _object(node: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    parts = {name: from_schema(each) for name, each in node.get("properties", {}).items()}
    needed = {name: parts.pop(name) for name in node.get("required", ())}
    made = st.fixed_dictionaries(needed, optional=parts)
    return made.filter(lambda value: len(value) >= node.get("minProperties", 0))


BY_TYPE = {
    "string": _text,
    "object": _object,
    "integer": lambda node: st.integers(min_value=node.get("minimum")),
    "null": lambda _: st.none(),
}


def beyond_the_schema(document: dict[str, Any]) -> bool:
    """What only the parser can tell: dates, bytes of a name, letters of a symbol, a name used twice."""
    try:
        parse_trained_at(document["trained_at"])
    except (ValueError, OverflowError):
        return True
    values = document["artifacts"].values()
    files = [value if isinstance(value, str) else value["file"] for value in values]
    return (
        len(set(files)) < len(files)
        or any(len(name.encode()) > MAX_NAME_BYTES for name in files)
        or sum(map(str.isalnum, document["symbol"])) > MAX_SYMBOL_CHARACTERS
    )


@given(from_schema(SCHEMA))
def test_what_the_schema_allows_is_parsed(document):
    assume(not beyond_the_schema(document))

    assert VALIDATOR.is_valid(document)
    assert parses(document)


values = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(-1) | st.just([])
artifacts = st.text(max_size=8) | st.fixed_dictionaries(
    {"file": st.text(max_size=8) | values}, optional={"size": values, "sha256": values, "note": values}
)


@given(
    document=from_schema(SCHEMA),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "version": values,
            "symbol": values | st.text("aB1/-_:.\n", max_size=6),
            "trained_at": values,
            "artifacts": values
            | st.dictionaries(st.sampled_from([*Kind, "other"]), artifacts | values, max_size=2),
            "metadata": values | st.dictionaries(st.text(), values),
            "unknown": values,
        },
    ),
    without=st.sampled_from([None, "version", "symbol", "trained_at", "artifacts", "metadata"]),
)
@example(with_file("name\n"), {}, None)
@example(with_file("m.manifest.json"), {}, None)
@example(with_file("receipts"), {}, None)
@example(with_file("a\x85"), {}, None)
@example(with_file("m"), {"symbol": "SOL/USDT\n"}, None)
@example(with_file("m"), {"trained_at": "2025-11-12T16:49:20+05:30\n"}, None)
def test_parser_and_schema_agree_on_anything(document, changes, without):
    changed = {key: value for key, value in {**document, **changes}.items() if key != without}

    valid, parsed = VALIDATOR.is_valid(changed), parses(changed)

    assert valid or not parsed
    assert parsed or not valid or beyond_the_schema(changed)


@pytest.mark.parametrize("version", [2, 0, -1])
def test_only_version_1_is_valid(version):
    document = {**with_file("m"), "version": version}

    assert not VALIDATOR.is_valid(document)
    with pytest.raises(BadManifest) as caught:
        parse_manifest(json.dumps(document).encode())
    assert caught.value.code == Code.UNSUPPORTED_VERSION
