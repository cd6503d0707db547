from __future__ import annotations

import pytest

from huracan_spool.emulator import paths
from huracan_spool.emulator.failures import BadCall
from huracan_spool.emulator.paths import Address, MalformedPath


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("", Address(())),
        ("/a/B c.txt", Address(("a", "B c.txt"))),
        ("ns:12", Address((), namespace="12")),
        ("ns:12/a", Address(("a",), namespace="12")),
        ("id:xyz", Address((), id="id:xyz")),
        ("id:xyz/a/b", Address(("a", "b"), id="id:xyz")),
        ("rev:123456789", Address((), rev="123456789")),
        ("/cafe\u0301", Address(("caf\u00e9",))),
        ("/" + "x" * 255, Address(("x" * 255,))),
    ],
)
def test_a_path_points_somewhere(path: str, address: Address) -> None:
    assert paths.parse(path) == address


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/a/",
        "/a//b",
        "/a/../b",
        "/./a",
        "/a\\b",
        "/a\x7f",
        "/a /b",
        "/b ",
        "/\N{ROCKET}",
        "/" + "x" * 256,
        "/x" * 301,
    ],
)
def test_a_path_that_breaks_a_rule_is_malformed(path: str) -> None:
    with pytest.raises(MalformedPath):
        paths.parse(path)


@pytest.mark.parametrize("path", ["/a\0b", "/\ud83d"])
def test_what_is_no_text_is_no_call(path: str) -> None:
    with pytest.raises(BadCall):
        paths.parse(path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("README", "readme"), ("\u00c9", "\u00e9"), ("\u0130", "\u0130"), ("\u1e9e", "\u00df")],
)
def test_names_compare_by_lower_case_of_the_same_length(name: str, expected: str) -> None:
    assert paths.key(name) == expected


@pytest.mark.parametrize(
    "name", ["desktop.ini", "Thumbs.db", ".DS_Store", "icon\r", ".dropbox", "~$a", ".~a", "~a.tmp"]
)
def test_names_that_dropbox_does_not_sync(name: str) -> None:
    assert paths.is_disallowed(name)


@pytest.mark.parametrize("name", ["a.tmp", "desktop.ini.txt", "dropbox", "a~"])
def test_names_that_only_look_like_it(name: str) -> None:
    assert not paths.is_disallowed(name)
