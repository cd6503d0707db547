"""What is found in models. Nothing is unpickled: the ones that would run code prove it."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict, deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz.corpus import TENSORS, safetensors, state_dict_pickle, torch_legacy, torch_zip
from huracan_spool.inspection.child import load_checks, look
from huracan_spool.inspection.report import Report
from huracan_spool.inspection.window import Window
from huracan_spool.manifest import Kind

CHECKS = load_checks([Kind.MODEL])
TWO = {"0": 4, "1": 6}
DATA = {"0": bytes(16), "1": bytes(24)}
TENSOR_GLOBALS = ["collections.OrderedDict", "torch.FloatStorage", "torch._utils._rebuild_tensor_v2"]


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("model")
    yield fd
    os.close(fd)


def inspected(memory: int, data: bytes) -> Report:
    os.ftruncate(memory, 0)
    os.pwrite(memory, data, 0)
    return look({Kind.MODEL: Window(memory, len(data))}, CHECKS)


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


class Calls:
    """Pickles as a call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._reduced = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self._reduced


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (torch_zip(state_dict_pickle(TWO), DATA), {"format": "torch", "members": 5, "globals": TENSOR_GLOBALS}),
        (torch_legacy(TWO), {"format": "torch legacy", "globals": TENSOR_GLOBALS}),
        (pickle.dumps(OrderedDict(a=1)), {"format": "pickle", "globals": ["collections.OrderedDict"]}),
        (safetensors(TENSORS, bytes(48)), {"format": "safetensors", "tensors": 2}),
    ],
)
def test_good_models_have_facts_only(memory: int, data: bytes, facts: dict[str, object]) -> None:
    assert inspected(memory, data) == Report((), {Kind.MODEL: facts})


def test_torchscript_is_told_from_a_state_dict(memory: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02c__torch__.net.___torch_mangle_0\nNet\n.")
        archive.writestr("net/constants.pkl", b"\x80\x02).")
    report = inspected(memory, buffer.getvalue())
    assert (report.facts[Kind.MODEL]["format"], report.findings) == ("torchscript", ())


@pytest.mark.parametrize("cut", [5, 40, 200, -1, -10, -22, -100])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_without_its_end_is_broken(memory: int, cut: int, compression: int) -> None:
    report = inspected(memory, torch_zip(state_dict_pickle(TWO), DATA, compression)[:cut])
    assert [each.code for each in report.broken] == ["unreadable"]


def test_a_member_with_a_wrong_checksum_is_broken(memory: int) -> None:
    data = torch_zip(state_dict_pickle(TWO), {"0": b"weights!" * 2, "1": bytes(24)})
    report = inspected(memory, data.replace(b"weights!", b"Weights!", 1))
    assert [(each.code, each.where) for each in report.broken] == [("unreadable", "member model/data/0")]


@pytest.mark.parametrize(
    ("storages", "message", "where"),
    [
        ({"0": bytes(16)}, "the data of a tensor is missing", "member model/data/1"),
        ({"0": bytes(16), "1": bytes(20)}, "a tensor has 20 bytes, not 24", "member model/data/1"),
    ],
)
def test_a_zip_without_all_of_its_tensors_is_broken(
    memory: int, storages: dict[str, bytes], message: str, where: str
) -> None:
    report = inspected(memory, torch_zip(state_dict_pickle(TWO), storages))
    assert [(each.message, each.where) for each in report.broken] == [(message, where)]


@pytest.mark.parametrize("cut", [20, 60, 300, -1, -24, -25, -33, -60])
def test_a_legacy_file_without_its_end_is_broken(memory: int, cut: int) -> None:
    report = inspected(memory, torch_legacy(TWO)[:cut])
    assert [each.code for each in report.broken] == ["unreadable"]


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (TENSORS, bytes(47)),
        (TENSORS, bytes(49)),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        ({"a": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}, bytes(3)),
        ({"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 0]}}, b""),
        ({"a": {"dtype": "U8", "shape": [2**62, 2**62], "data_offsets": [0, 0]}}, b""),
        ({"a": {"dtype": "U8", "shape": 1}}, b""),
        ({"a": 5}, b""),
    ],
)
def test_safetensors_whose_data_does_not_fit_are_broken(
    memory: int, header: dict[str, object], data: bytes
) -> None:
    report = inspected(memory, safetensors(header, data))
    assert [each.code for each in report.broken] == ["unreadable"]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (Calls(os.system, "touch pickled"), "posix.system"),
        (Calls(eval, "open('pickled', 'w')"), "builtins.eval"),
        (Calls(getattr, os, "system"), "builtins.getattr"),
    ],
)
def test_a_model_that_would_run_code_is_odd_and_does_not(
    memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int, call: Calls, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if call._reduced[0] is getattr:
        call = Calls(getattr, "os", "system")
    old = name.replace("builtins", "__builtin__") if protocol == 2 else name
    dumped = pickle.dumps([call], protocol)
    for data in (dumped, torch_zip(dumped, {})):
        report = inspected(memory, data)
        assert codes(report) == ["runs_code"]
        assert old in report.findings[0].message
    assert list(tmp_path.iterdir()) == []


def test_a_name_hidden_by_the_memo_is_found(memory: int) -> None:
    hidden = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x02ls\x85R."
    assert "os.system" in inspected(memory, hidden).findings[0].message


def test_a_name_that_only_loading_would_tell_is_odd(memory: int) -> None:
    assert codes(inspected(memory, b"\x80\x04\x8c\x02os\x94}\x93.")) == ["runs_code"]


def test_classes_of_the_training_code_are_odd(memory: int) -> None:
    report = inspected(memory, b"\x80\x02crl.agent\nAgent\n)\x81.")
    assert [(each.code, each.where) for each in report.findings] == [("unlisted_globals", "global rl.agent.Agent")]


def test_plain_containers_are_listed(memory: int) -> None:
    data = pickle.dumps({"a": {1}, "b": deque([1]), "c": frozenset(), "d": bytearray(b"x"), "e": 1j}, 2)
    assert codes(inspected(memory, data)) == []


@pytest.mark.parametrize(
    "data",
    [b"hello", b"\x89HDF\r\n\x1a\n", b"\x08\x07\x12\x07pytorch", b"{}", b"\x80", b"\x80\x09.", bytes(8) + b"{"],
)
def test_another_format_is_odd(memory: int, data: bytes) -> None:
    report = inspected(memory, data)
    assert report.facts[Kind.MODEL]["format"] in {"unknown", "safetensors"}
    assert codes(report) in (["unknown_format"], ["unreadable"])


def test_a_zip_of_something_else_is_odd(memory: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("policy.pth", b"x")
    assert codes(inspected(memory, buffer.getvalue())) == ["unknown_format"]


def test_an_empty_model_is_broken(memory: int) -> None:
    assert codes(inspected(memory, b"")) == ["empty"]


def _zip_with(compression: int) -> bytes:
    return torch_zip(b"\x80\x02}.", {"0": bytes(range(256)) * 8}, compression)


def _damaged_lzma() -> bytes:
    data = bytearray(_zip_with(zipfile.ZIP_LZMA))
    at = data.index(b"model/data/0") + len(b"model/data/0") + 9  # behind the name and the properties
    data[at : at + 8] = b"\xff" * 8
    return bytes(data)


def _with_length(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


FOUND_BY_FUZZING = {
    "lzma-has-its-own-error": _damaged_lzma(),
    "json-loads-utf-16-when-it-sees-zeros": _with_length(b"{\x00}\x00"),
    "json-loads-utf-32-when-it-sees-zeros": _with_length(b"{\x00\x00\x00}\x00\x00\x00"),
    "pickletools-loads-raw-unicode-escape": b"\x80\x02V\\u12\n.",
}


@pytest.mark.parametrize("data", FOUND_BY_FUZZING.values(), ids=FOUND_BY_FUZZING.keys())
def test_what_fuzzing_found_is_a_verdict(memory: int, data: bytes) -> None:
    assert codes(inspected(memory, data)) == ["unreadable"]


@pytest.mark.parametrize(
    "claim",
    [
        b"\x80\x05\x8d" + b"\xff" * 7 + b"\x7f",
        b"\x80\x05\x8e" + b"\xff" * 7 + b"\x7f",
        b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f",
        b"\x80\x02X\xff\xff\xff\x7f",
        b"\x80\x02\x8b\xff\xff\xff\x7f",
        b"\xff" * 3 + bytes(5) + b"{" + b" " * 50,
    ],
)
def test_a_claimed_length_costs_no_memory(memory: int, claim: bytes) -> None:
    assert codes(inspected(memory, claim)) == ["unreadable"]
