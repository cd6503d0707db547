"""Prometheus' text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/

Own code, because all it takes is this file: values are read when somebody asks, so a library's registries,
locks and collectors would have nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from huracan_spool.measures import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all of its samples: `(suffix, labels, value)`."""

    name: str
    kind: str
    says: str
    samples: tuple[tuple[str, Labels, float], ...]


def gauge(name: str, says: str, value: float) -> Family:
    return Family(name, "gauge", says, (("", (), value),))


def counter(name: str, says: str, value: float) -> Family:
    return Family(name, "counter", says, (("", (), value),))


def gauges(name: str, says: str, label: str, values: Mapping[str, float]) -> Family:
    return Family(name, "gauge", says, _labelled(label, values))


def counters(name: str, says: str, label: str, values: Mapping[str, float]) -> Family:
    return Family(name, "counter", says, _labelled(label, values))


def info(name: str, says: str, **labels: str) -> Family:
    return Family(name, "gauge", says, (("", tuple(labels.items()), 1),))


def histogram(name: str, says: str, measured: Histogram) -> Family:
    buckets = [("_bucket", (("le", f"{bound:g}"),), float(count)) for bound, count in measured.cumulative()]
    whole = [
        ("_bucket", (("le", "+Inf"),), float(measured.count)),
        ("_sum", (), measured.total),
        ("_count", (), float(measured.count)),
    ]
    return Family(name, "histogram", says, (*buckets, *whole))


def exposition(families: Iterable[Family]) -> str:
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    says = family.says.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {says}"
    yield f"# TYPE {family.name} {family.kind}"
    for suffix, labels, value in family.samples:
        pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
        yield f"{family.name}{suffix}{f'{{{pairs}}}' if pairs else ''} {_number(value)}"


def _labelled(label: str, values: Mapping[str, float]) -> tuple[tuple[str, Labels, float], ...]:
    return tuple(("", ((label, text),), value) for text, value in values.items())


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value == inf:
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
