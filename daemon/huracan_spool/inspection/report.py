"""The verdict on a run's files, as plain data and as JSON. The same files have the same verdict, byte for byte."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from huracan_spool.inspection.catalogue import BROKEN, FINDINGS, Severity
from huracan_spool.manifest import Kind

MAX_TEXT = 400  # characters of a sentence; `told` keeps what comes from a file shorter
MAX_FINDINGS = 64  # of one kind
MAX_FACTS = 200  # values in one list or mapping
_TOLD = 80
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is one of the catalogue; `where` a row, line, column, key or member, if there is one."""

    code: str
    kind: Kind
    message: str
    where: str | None = None

    @property
    def severity(self) -> Severity:
        return FINDINGS[self.code].severity

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity,
            "kind": str(self.kind),
            "message": self.message,
            "where": self.where,
        }

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Raises `ValueError`."""
        _expect(isinstance(document, dict), "a finding is no object")
        _expect(document.keys() == {"code", "severity", "kind", "message", "where"}, "a finding has other keys")
        code, where = document["code"], document["where"]
        _expect(isinstance(code, str) and code in FINDINGS, "a finding has an unknown code")
        _expect(document["severity"] == FINDINGS[code].severity, f"{code} has another severity")
        _expect(_is_sentence(document["message"]), f"the message of {code} is no sentence")
        _expect(where is None or _is_sentence(where), f"the place of {code} is no text")
        return cls(code, _kind(document["kind"]), document["message"], where)


@dataclass(frozen=True, slots=True)
class Report:
    """`facts` are what was seen of each kind; `failed` says why there is no verdict."""

    findings: tuple[Finding, ...] = ()
    facts: Mapping[Kind, Mapping[str, Any]] = field(default_factory=dict)
    failed: str | None = None

    @property
    def broken(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == BROKEN)

    @property
    def odd(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity != BROKEN)

    def to_json(self) -> dict[str, Any]:
        """`findings`, `failed`, and for each kind its facts under the kind's name."""
        facts = {str(kind): dict(self.facts[kind]) for kind in Kind if kind in self.facts}
        return {"failed": self.failed, "findings": [finding.to_json() for finding in self.findings], **facts}

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Raises `ValueError`: a verdict may come from a process that a hostile file has taken over."""
        _expect(isinstance(document, dict), "the verdict is no object")
        rest = {key: value for key, value in document.items() if key not in {"failed", "findings"}}
        _expect(len(document) - len(rest) == 2, "the verdict lacks its findings")
        failed, findings = document["failed"], document["findings"]
        _expect(failed is None or _is_sentence(failed), "the failure is no sentence")
        _expect(isinstance(findings, list), "the findings are no list")
        _expect(len(findings) <= MAX_FINDINGS * len(Kind), "there are too many findings")
        return cls(
            tuple(Finding.from_json(finding) for finding in findings),
            {_kind(key): _facts(value) for key, value in rest.items()},
            failed,
        )


def told(text: str) -> str:
    """Text out of a file, so that it can be shown anywhere: short, and without control characters."""
    shown = text if text.isprintable() else ascii(text[: _TOLD + 1])[1:-1]
    return shown if len(shown) <= _TOLD else f"{shown[:_TOLD]}…"


def _kind(value: Any) -> Kind:
    _expect(isinstance(value, str) and value in list(Kind), "the verdict names an unknown kind")
    return Kind(value)


def _facts(value: Any) -> Mapping[str, Any]:
    _expect(isinstance(value, dict), "the facts are no object")
    _check_plain(value, _DEPTH)
    facts: Mapping[str, Any] = value
    return facts


def _check_plain(value: Any, depth: int) -> None:
    if isinstance(value, dict | list):
        _expect(depth > 0, "the facts are nested too deeply")
        _expect(len(value) <= MAX_FACTS, "there are too many facts")
        for each in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            _check_plain(each, depth - 1)
    elif isinstance(value, str):
        _expect(_is_sentence(value), "a fact is no text")
    elif isinstance(value, float):
        _expect(math.isfinite(value), "a fact is not finite")


def _is_sentence(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()


def _expect(truth: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not truth:
        raise ValueError(otherwise)
