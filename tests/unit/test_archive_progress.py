"""How far something is: told of what takes long, and of nothing else."""

from __future__ import annotations

import io

from huracan_spool.archive.progress import Silent, Told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told(stream: io.StringIO, steps: list[tuple[float, int]]) -> str:
    clock = Clock()
    progress = Told(stream, clock)
    for seconds, done in steps:
        clock.now = seconds
        progress.update("fetching", done, 4_000_000, "bytes")
    progress.end()
    return stream.getvalue()


def test_a_file_gets_a_line_every_ten_seconds():
    said = told(io.StringIO(), [(0, 0), (5, 1_000_000), (10, 2_000_000), (12, 2_500_000), (21, 3_000_000)])

    assert [line.split() for line in said.splitlines()] == [
        ["fetching", "█" * 12 + "░" * 12, "50%", "2.00", "MB", "of", "4.00", "MB", "10", "s", "left"],
        ["fetching", "█" * 18 + "░" * 6, "75%", "3.00", "MB", "of", "4.00", "MB", "7", "s", "left"],
    ]


def test_a_terminal_gets_a_bar_that_goes_away():
    said = told(Terminal(), [(0, 0), (0.2, 1_000_000), (0.25, 1_200_000)])

    assert said.startswith("\r\x1b[Kfetching")
    assert said.count("fetching") == 1
    assert said.endswith("\r\x1b[K")


def test_what_is_over_soon_is_not_told():
    assert told(io.StringIO(), [(0, 0), (9, 4_000_000)]) == ""
    assert told(Terminal(), [(0, 0), (0.05, 4_000_000)]) == ""


def test_without_a_total_the_count_is_told():
    stream, clock = io.StringIO(), Clock()
    progress = Told(stream, clock)
    progress.update("listing the store", 0, None, "files")
    clock.now = 10.0
    progress.update("listing the store", 12_000, None, "files")

    assert stream.getvalue() == "listing the store  12,000 files\n"


def test_silence(capsys):
    Silent().update("fetching", 1, 2)
    Silent().end()

    assert capsys.readouterr() == ("", "")
