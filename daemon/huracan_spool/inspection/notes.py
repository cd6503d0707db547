"""What a check writes down while it reads a file."""

from __future__ import annotations

from typing import Any

from huracan_spool.inspection.report import MAX_FACTS, MAX_FINDINGS, Finding, told
from huracan_spool.manifest import Kind


class Unreadable(Exception):
    """The file can't be read any further: `code` is one of the broken ones."""

    def __init__(self, message: str, where: str | None = None, *, code: str = "unreadable") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where


class Notes:
    """Findings and facts on one file."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.findings: list[Finding] = []
        self.facts: dict[str, Any] = {}

    def add(self, code: str, message: str, where: str | None = None) -> None:
        """Past the most that a report holds nothing is added: a file can be wrong in a million ways."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(code, self.kind, message, where))

    def close(self, unreadable: Unreadable) -> None:
        """The finding that ends all looking comes first, and is never one too many."""
        finding = Finding(unreadable.code, self.kind, unreadable.message, unreadable.where)
        self.findings = [finding, *self.findings[: MAX_FINDINGS - 1]]


class Tally:
    """Counts one sort of finding over a whole file and remembers where it was first."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, str]] = {}

    def count(self, code: str, what: str, where: str, times: int = 1) -> None:
        """`what` continues a sentence that begins with a number of rows, as in "12 rows: high is below low"."""
        before, first = self._seen.get((code, what), (0, where))
        self._seen[code, what] = (before + times, first)

    def report(self, notes: Notes) -> None:
        for (code, what), (times, first) in self._seen.items():
            notes.add(code, f"{plural(times, 'row')}: {what}", first)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_of(texts: list[str]) -> list[str]:
    """As many as a report may hold, fit to be shown."""
    return [told(text) for text in texts[:MAX_FACTS]]
