"""The throughput of the last half hour as a small drawing, without a library and without styles of its own."""

from __future__ import annotations

from collections.abc import Sequence

from huracan_spool import words
from huracan_spool.markup import Html, tag

_HEIGHT = 100


def throughput(rates: Sequence[float], width: float, now: float) -> Html:
    """`rates` in bytes per second, oldest first, each over `width` seconds; `now` is the present one."""
    most = max(*rates, now)
    span = words.duration(len(rates) * width)
    says = f"Bytes sent per second in the last {span}: at most {words.rate(most)}, now {words.rate(now)}"
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("span", f"{words.rate(now)} now", class_="now"),
            tag("span", f"at most {words.rate(most)}"),
        ),
        tag(
            "svg",
            tag("path", d=_area(rates, most), class_="area"),
            tag("path", d=_line(rates, most), class_="line", vector_effect="non-scaling-stroke"),
            viewBox=f"0 0 {len(rates) - 1} {_HEIGHT}",
            preserveAspectRatio="none",
            role="img",
            aria_label=says,
        ),
        tag("p", tag("span", f"{span} ago"), tag("span", "now"), class_="axis", aria_hidden="true"),
    )


def _line(rates: Sequence[float], most: float) -> str:
    points = (f"{x} {_HEIGHT - (rate / most * (_HEIGHT - 4) if most else 0):.4g}" for x, rate in enumerate(rates))
    return "M" + " L".join(points)


def _area(rates: Sequence[float], most: float) -> str:
    return f"{_line(rates, most)} L{len(rates) - 1} {_HEIGHT} L0 {_HEIGHT} Z"
