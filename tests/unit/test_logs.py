"""Log lines: their form, what no input can do to them, and what never gets into them."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import given, strategies

from huracan_spool import logs
from huracan_spool.logs import RepeatedProblem, Repeats, render_json, render_text

if TYPE_CHECKING:
    from collections.abc import Iterator

STAMP = "2025-11-12T16:58:00Z"
MOMENT = datetime(2025, 11, 12, 16, 58, 0, 999_000, tzinfo=UTC).timestamp()


class Logged:
    """Logs into memory, at a fixed moment."""

    def __init__(self, style: str = "text", level: str = "info", *, journal: bool = False) -> None:
        self.stream = io.StringIO()
        logs.configure(style, level, stream=self.stream, journal=journal, clock=lambda: MOMENT)
        self.log = structlog.get_logger()

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_line_is_as_the_contract_shows_it() -> None:
    logged = Logged()
    logged.log.info(
        "comprehensive_dropbox_upload_complete",
        symbol="SOL/USDT",
        run="SOL_USDT_20251112_164920",
        results={"model": True, "candle_data": False},
        store="dropbox",
        bytes=1234,
        seconds=4.83149,
    )
    logged.log.error("run_failed", code="size_mismatch", reason='"a.csv" is 3 bytes, not 4')
    done, failed = logged.lines
    assert done == (
        "[2025-11-12T16:58:00Z] [info] comprehensive_dropbox_upload_complete symbol=SOL/USDT "
        "run=SOL_USDT_20251112_164920 results={'model': True, 'candle_data': False} store=dropbox bytes=1234 "
        "seconds=4.831"
    )
    assert failed == (
        '[2025-11-12T16:58:00Z] [error] run_failed code=size_mismatch reason="\\"a.csv\\" is 3 bytes, not 4"'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain/word-1.0:ok", "plain/word-1.0:ok"),
        ("two words", '"two words"'),
        ("", '""'),
        ('quo"te', '"quo\\"te"'),
        ("it's", '"it\'s"'),
        ("a=b", '"a=b"'),
        ("a\nb", '"a\\nb"'),
        ("\x1b[2J", '"\\u001b[2J"'),
        ("\u202etxt.exe", '"\\u202etxt.exe"'),
        ("größe", '"gr\\u00f6\\u00dfe"'),
        ("\udcff", '"\\udcff"'),
        (True, "true"),
        (None, "null"),
        (12, "12"),
        (0.123456, "0.123"),
        (0.000123456, "0.000123"),
        (12.0, "12.0"),
        (123456789.123456, "123456789.123"),
        (float("nan"), "nan"),
        (Path("/tmp/huracan-spool"), "/tmp/huracan-spool"),
        (ValueError("no good"), '"ValueError: no good"'),
        ([1, "a b"], '[1,"a b"]'),
        ({"a": 0.12345}, '{"a":0.123}'),
        (frozenset({1}), "[1]"),
    ],
)
def test_a_value_reads(value: object, text: str) -> None:
    assert render_text(STAMP, "info", "event", {"key": value}) == f"[{STAMP}] [info] event key={text}"


FIELD_NAMES = strategies.from_regex(r"[a-z_]{1,10}", fullmatch=True)


@given(strategies.dictionaries(FIELD_NAMES, strategies.text(max_size=50), max_size=5))
def test_no_value_can_forge_a_line_or_a_field(fields: dict[str, str]) -> None:
    """The line is read back field by field."""
    line = render_text(STAMP, "info", "event", fields)
    rest = line.removeprefix(f"[{STAMP}] [info] event")
    read = {}
    while rest:
        name, rest = rest[1:].split("=", 1)
        if rest.startswith('"'):
            read[name], end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:]
        else:
            read[name] = rest.split(" ")[0]
            rest = rest[len(read[name]) :]
    assert read == fields
    assert line.isascii()
    assert line.isprintable()


@given(strategies.text(max_size=50), strategies.text(max_size=50))
def test_not_even_names_can(event: str, name: str) -> None:
    line = render_text(STAMP, "info", event, {name: 1})
    assert line.isascii()
    assert line.isprintable()
    assert re.fullmatch(r'\[\S+\] \[info\] (\S+|"([^"\\]|\\.)*") (\S+|"([^"\\]|\\.)*")=1', line)


def test_json_lines_are_one_object_each() -> None:
    logged = Logged("json")
    logged.log.warning("orphans", paths=[Path("/a"), Path("/b")], seconds=0.98765, results={"model": True}, ts="x")
    assert [json.loads(line) for line in logged.lines] == [
        {
            "ts": STAMP,
            "level": "warning",
            "event": "orphans",
            "paths": ["/a", "/b"],
            "seconds": 0.988,
            "results": {"model": True},
        }
    ]


def test_json_has_no_words_that_json_lacks() -> None:
    assert (
        json.loads(render_json(STAMP, "info", "e", {"rate": float("inf")}), parse_constant=pytest.fail)["rate"]
        == "inf"
    )


def test_an_overlong_value_is_cut() -> None:
    """journald would split the line, and the rest would have no priority."""
    line = render_text(STAMP, "info", "event", {"name": "x" * 5000})
    assert line.endswith('xxx... (3500 more)"')


def test_an_exception_stays_on_its_line() -> None:
    logged = Logged()
    try:
        raise ValueError("broken\nthing")  # noqa: TRY301
    except ValueError:
        logged.log.exception("internal_error", run="r1")
    (line,) = logged.lines
    assert line.startswith(
        f'[{STAMP}] [error] internal_error error="ValueError: broken\\nthing" run=r1 traceback="'
    )
    text = json.loads(line.partition(" traceback=")[2])
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ValueError: broken\nthing")


def test_an_exception_may_be_given_and_its_text_chosen() -> None:
    logged = Logged()
    logged.log.warning("probe_failed", exc_info=OSError("down"), error="short")
    logged.log.warning("probe_failed", exc_info=None)
    assert [line.partition(" traceback=")[0] for line in logged.lines] == [
        f"[{STAMP}] [warning] probe_failed error=short",
        f"[{STAMP}] [warning] probe_failed",
    ]


def test_a_long_traceback_keeps_its_end() -> None:
    def deeper(levels: int) -> None:
        if levels:
            deeper_still(levels)
        raise ValueError("at the bottom")

    def deeper_still(levels: int) -> None:
        deeper(levels - 1)

    logged = Logged("json")
    try:
        deeper(100)
    except ValueError:
        logged.log.exception("internal_error")
    (line,) = logged.lines
    assert len(line) < 20_000
    assert json.loads(line)["traceback"].endswith("ValueError: at the bottom")


@pytest.mark.parametrize(
    ("level", "events"), [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")]
)
def test_the_level_is_the_least_that_is_logged(level: str, events: str) -> None:
    logged = Logged(level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(logged.log, name)(name[0])
    assert "".join(line[-1] for line in logged.lines) == events


def test_configuring_again_changes_the_level_of_loggers_in_use() -> None:
    log = structlog.get_logger()
    Logged(level="error")
    log.info("unseen")
    logged = Logged(level="info")
    log.info("seen")
    assert logged.lines == [f"[{STAMP}] [info] seen"]


def test_every_line_for_the_journal_has_its_priority() -> None:
    logged = Logged(level="debug", journal=True)
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(logged.log, name)("event")
    assert [line[:3] for line in logged.lines] == ["<7>", "<6>", "<4>", "<3>", "<2>"]


def test_the_journal_is_known_by_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as file:
        status = os.fstat(file.fileno())
        mine = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        seen = [logs.is_journal(environ, file.fileno()) for environ in (mine, {}, {"JOURNAL_STREAM": "8:1"})]
    assert seen == [True, False, False]
    assert not logs.is_journal(mine, 999_999)


def test_libraries_speak_in_an_event_of_ours() -> None:
    logged = Logged()
    library = logging.getLogger("watchdog.observers")
    library.info("unseen")
    library.warning("queue %s\noverflowed", 1)
    library.log(45, "odd level")
    assert logged.lines == [
        f'[{STAMP}] [warning] library_message logger=watchdog.observers message="queue 1\\noverflowed"',
        f'[{STAMP}] [error] library_message logger=watchdog.observers message="odd level"',
    ]


def test_a_library_that_is_talkative_by_itself_is_heard_from_warnings_on() -> None:
    logged = Logged()
    library = logging.getLogger("talkative")
    library.setLevel(logging.DEBUG)
    library.debug("detail")
    library.info("news")
    library.warning("trouble")
    assert logged.lines == [f"[{STAMP}] [warning] library_message logger=talkative message=trouble"]


def test_what_asyncio_says_of_a_lost_connection_is_left_to_the_call_that_fails_of_it() -> None:
    logged = Logged()
    logging.getLogger("asyncio").warning("socket.send() raised exception.")
    logging.getLogger("asyncio").warning("something else")
    assert logged.lines == [f'[{STAMP}] [warning] library_message logger=asyncio message="something else"']


def test_a_librarys_message_that_does_not_fit_its_values_is_logged_as_it_is() -> None:
    logged = Logged("json")
    del logging.root.handlers[:-1]  # pytest's own, which raise here
    logging.getLogger("aiohttp").error("two values for %d", "one")
    assert [json.loads(line)["message"] for line in logged.lines] == ["two values for %d ('one',)"]


def test_a_librarys_exception_comes_along() -> None:
    logged = Logged("json")
    try:
        raise KeyError("x")  # noqa: TRY301
    except KeyError:
        logging.getLogger("asyncio").exception("task died")
    (entry,) = map(json.loads, logged.lines)
    assert (entry["level"], entry["message"], entry["error"]) == ("error", "task died", "KeyError: 'x'")


def test_libraries_are_routed_once_however_often_logs_are_configured() -> None:
    Logged()
    logged = Logged()
    logging.getLogger("aiohttp").warning("once")
    assert len(logged.lines) == 1


def test_warnings_of_python_are_events_too() -> None:
    logged = Logged()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert "logger=py.warnings" in logged.lines[0]
    assert "DeprecationWarning: old thing" in logged.lines[0]


@pytest.fixture
def hidden() -> Iterator[Any]:
    yield logs.hide
    logs._hidden.clear()


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_hidden_secret_is_starred_wherever_it_appears(hidden: Any, style: str) -> None:
    logged = Logged(style)
    for secret in ("sl.token", "sl.token-longer", 'quo"ted/secret', "abc"):
        hidden(secret)
    logged.log.info("event", header="Bearer sl.token", url="https://h/?t=sl.token-longer&q=quo%22ted%2Fsecret")
    logged.log.info("event", text='quo"ted/secret', short="abcd")
    try:
        raise ValueError("sl.token")  # noqa: TRY301
    except ValueError:
        logged.log.exception("event")
    text = logged.stream.getvalue()
    assert not re.search(r"sl\.token|-longer|ted/secret|%2Fsecret", text)
    assert "Bearer ***" in text
    assert "abcd" in text


def test_a_closed_stdout_ends_nothing() -> None:
    logged = Logged()
    logged.stream.close()
    logged.log.info("lost")


def test_a_broken_stdout_ends_nothing_and_keeps_the_exit_code() -> None:
    """A reader that goes away is as if nobody ever read."""
    code = """
import structlog, sys
from huracan_spool import logs
logs.configure("text", "info")
for number in range(3):
    structlog.get_logger().info("event", number=number)
sys.exit(5)
"""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (5, "")


def test_each_line_is_flushed() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading) as reader:
        logs.configure("text", "info", stream=stream)
        structlog.get_logger().info("event")
        assert reader.readline().endswith("[info] event\n")


def test_a_repeated_problem_is_told_ever_more_seldom() -> None:
    """A failure every ten seconds for four hours, and the line that ends it."""
    problem = RepeatedProblem()
    told = [(now, repeats) for now in range(0, 4 * 3600, 10) if (repeats := problem.happened(now))]
    assert told == [
        (0, Repeats(1, 0.0)),
        (60, Repeats(7, 60.0)),
        (360, Repeats(37, 360.0)),
        (2160, Repeats(217, 2160.0)),
        (9360, Repeats(937, 9360.0)),
    ]
    assert problem.ended(14_400) == Repeats(1440, 14_400.0)


def test_a_problem_that_comes_back_is_a_new_one() -> None:
    problem = RepeatedProblem()
    assert problem.ended(5.0) is None
    assert problem.happened(10.0) == Repeats(1, 0.0)
    assert problem.happened(11.0) is None
    assert problem.ended(12.5) == Repeats(2, 2.5)
    assert problem.ended(13.0) is None
    assert problem.happened(14.0) == Repeats(1, 0.0)
    assert problem.happened(74.0) == Repeats(2, 60.0)
