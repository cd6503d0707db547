"""Text that becomes markup or an exposition: nothing that is quoted can become more than text."""

from __future__ import annotations

from html.parser import HTMLParser
from math import inf

import pytest

from huracan_spool.http.chart import throughput
from huracan_spool.http.exposition import Family, counters, exposition, gauge, histogram
from huracan_spool.http.site import is_this_host
from huracan_spool.markup import joined, table, tag
from huracan_spool.measures import Histogram

HOSTILE = "</td><script>alert('x')</script>\"' & \u202egnp.exe\x00\x1b[2J\n"


class Reader(HTMLParser):
    """The elements, and the text between them."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_text_stays_text() -> None:
    read = Reader(table(HOSTILE, [HOSTILE], [[HOSTILE]]))
    assert read.tags == ["table", "caption", "thead", "tr", "th", "tbody", "tr", "td"]
    assert read.text.count("<script>alert('x')</script>\"' & ") == 3


def test_hostile_text_stays_in_its_attribute() -> None:
    read = Reader(tag("p", title=HOSTILE))
    assert (read.tags, list(read.attributes)) == (["p"], ["title"])


def test_what_is_not_seen_or_turns_the_text_around_is_shown_as_a_mark() -> None:
    text = joined([HOSTILE])
    assert text.isprintable()
    assert text.count("\N{REPLACEMENT CHARACTER}") == 4


def test_attributes_are_written_by_their_value() -> None:
    assert tag("p", "x", hidden=False, lang=None, data_live=True, class_="a b") == '<p data-live class="a b">x</p>'


def test_a_quiet_line_is_drawn_at_the_bottom() -> None:
    drawing = throughput([0.0, 0.0, 0.0], 10, 0.0)
    assert 'd="M0 100 L1 100 L2 100"' in drawing
    assert "at most 0 B/s" in drawing


def test_the_highest_rate_is_at_the_top() -> None:
    assert 'd="M0 100 L1 4 L2 52"' in throughput([0.0, 2e6, 1e6], 10, 1e6)


def test_the_exposition_by_the_letter() -> None:
    seconds = Histogram((0.5, 10))
    for value in (0.25, 7.0):
        seconds.observe(value)
    families = [
        gauge("a", "one\nline \\", 1.5),
        counters("b_total", "Two.", "of", {'x"y\\z\n': 3, "w": 0}),
        histogram("c_seconds", "Three.", seconds),
        Family("d_total", "counter", "None yet.", ()),
        gauge("e", "No limit.", inf),
    ]
    assert exposition(families) == (
        "# HELP a one\\nline \\\\\n# TYPE a gauge\na 1.5\n"
        '# HELP b_total Two.\n# TYPE b_total counter\nb_total{of="x\\"y\\\\z\\n"} 3\nb_total{of="w"} 0\n'
        '# HELP c_seconds Three.\n# TYPE c_seconds histogram\nc_seconds_bucket{le="0.5"} 1\n'
        'c_seconds_bucket{le="10"} 2\nc_seconds_bucket{le="+Inf"} 2\nc_seconds_sum 7.25\nc_seconds_count 2\n'
        "# HELP d_total None yet.\n# TYPE d_total counter\n"
        "# HELP e No limit.\n# TYPE e gauge\ne +Inf\n"
    )


OWN_NAMES = ("", "localhost", "LOCALHOST:9478", "127.0.0.1:1", "127.5.5.5", "[::1]:9478", "[::1]")
STRANGERS = (
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:9478",
    "10.0.0.1",
    "[::11",
    ":1",
    "[]",
)


@pytest.mark.parametrize("header", OWN_NAMES)
def test_this_host_by_its_own_names(header: str) -> None:
    assert is_this_host(header)


@pytest.mark.parametrize("header", STRANGERS)
def test_any_other_name_is_not_this_host(header: str) -> None:
    assert not is_this_host(header)
