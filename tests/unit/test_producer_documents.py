"""Whatever training computes becomes JSON that every reader takes."""

from __future__ import annotations

import enum
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from huracan_spool.producer.documents import to_json, told


def refuse(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")


def read(data: bytes) -> Any:
    return json.loads(data, parse_constant=refuse)


def test_plain_documents_stay_as_they_are() -> None:
    document = {"n": 157, "rate": 0.54, "name": "ü", "none": None, "flag": True, "list": [1, [2]], "in": {"a": 1}}
    assert (read(to_json(document)[0]), to_json(document)[1]) == (document, [])


def test_nan_and_infinities_become_null_and_are_told() -> None:
    data, odd = to_json({"sharpe_ratio": float("nan"), "epochs": [{"loss": float("inf")}, {"loss": 0.5}]})
    assert read(data) == {"sharpe_ratio": None, "epochs": [{"loss": None}, {"loss": 0.5}]}
    assert odd == ["sharpe_ratio (nan)", "epochs[0].loss (inf)"]


def test_scalars_and_arrays_of_other_libraries_become_numbers() -> None:
    class Scalar:
        def item(self) -> float:
            return 0.25

    class Tensor:
        def tolist(self) -> list[float]:
            return [1.0, float("-inf")]

    class Single(float):
        """As numpy.float64 is one."""

    data, odd = to_json({"a": Scalar(), "b": Tensor(), "c": Single(1.5), "d": pa.array([1, 2])})
    assert read(data) == {"a": 0.25, "b": [1.0, None], "c": 1.5, "d": [1, 2]}
    assert odd == ["b[1] (-inf)"]


def test_times_paths_sets_and_odd_keys_have_a_plain_form() -> None:
    moment = datetime(2025, 11, 12, 16, 49, 20, tzinfo=UTC)
    document = {"at": moment, "on": date(2025, 11, 12), "path": Path("/out/m.pt"), ("a", 1): {7}, 3: b"".join([])}
    assert read(to_json(document)[0]) == {
        "at": "2025-11-12T16:49:20+00:00",
        "on": "2025-11-12",
        "path": "/out/m.pt",
        "('a', 1)": [7],
        "3": "b''",
    }


def test_what_has_no_form_in_json_becomes_text_and_is_told() -> None:
    class Mode(enum.Enum):
        FAST = 1

    data, odd = to_json({"mode": Mode.FAST})
    assert read(data) == {"mode": "Mode.FAST"}
    assert odd == ["mode (Mode as text)"]


def test_a_long_list_of_oddities_is_cut() -> None:
    assert told(str(number) for number in range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3) | st.integers(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=3), VALUES))
def test_any_document_becomes_strict_json(document: dict[str, Any]) -> None:
    read(to_json(document)[0])
