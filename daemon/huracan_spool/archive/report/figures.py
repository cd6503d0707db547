"""Numbers as the report writes them, and what is known of the metric they belong to."""

from __future__ import annotations

import math

from huracan_spool import formats
from huracan_spool.formats import Field

NOTHING = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_FIELDS = {name: field for field in formats.METRICS for name in field.names}


def field_of(metric: str) -> Field | None:
    return _FIELDS.get(metric)


def unit_of(metric: str) -> str:
    field = field_of(metric)
    return field.unit if field else ""


def order_of(metric: str) -> tuple[int, str]:
    """Sorts the metrics that are known as `formats` lists them, the others after them by name."""
    known = list(_FIELDS)
    return (known.index(metric) if metric in _FIELDS else len(known), metric)


def told_value(value: object, metric: str = "") -> str:
    """Any value of a run: texts as they are, numbers in the unit of `metric`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NOTHING if value is None else str(value)
    return number(value, unit_of(metric))


def number(value: float | None, unit: str = "", *, signed: bool = False) -> str:
    """`1,234`, `0.0123`, `54.3 %`, `£1,234.50`, `12.3 bps`; `signed` writes a plus as well."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return str(value)
    sign = _MINUS if value < 0 else "+" if signed and value > 0 else ""
    return sign + _in_unit(abs(value), unit)


def change(value: float | None, unit: str = "") -> str:
    """A difference, signed; of fractions in percentage points."""
    if unit == formats.FRACTION and value is not None and math.isfinite(value):
        return f"{number(value * 100, signed=True)} pp"
    return number(value, unit, signed=True)


def percent(value: float | None) -> str:
    """A change in percent, signed: what is far from the first value is not told to four digits."""
    if value is None or not math.isfinite(value):
        return NOTHING
    sign = _MINUS if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value):,.1f} %" if abs(value) < 1e6 else f"{sign}{abs(value):.0e} %"


def _in_unit(value: float, unit: str) -> str:
    if unit == formats.FRACTION:
        return f"{_digits(value * 100)} %"
    if unit == formats.GBP:
        return f"£{value:,.2f}" if value < 1e12 else f"£{value:.4g}"
    return f"{_digits(value)} bps" if unit == formats.BPS else _digits(value)


def _digits(value: float) -> str:
    """Four digits that count; whole numbers in full as far as a float knows them."""
    if value == 0:
        return "0"
    if value >= 1e15 or value < 1e-4:
        return f"{value:.3e}"
    if value == int(value) or value >= 1e4:
        return f"{value:,.0f}"
    value = float(f"{value:.4g}")
    places = 0 if value == int(value) else 3 - math.floor(math.log10(value))
    return f"{value:,.{max(0, places)}f}"
