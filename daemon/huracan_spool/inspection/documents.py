"""Metrics and features: JSON objects of known and other keys."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from huracan_spool import formats
from huracan_spool.formats import Field
from huracan_spool.inspection.notes import Notes, Unreadable, plural
from huracan_spool.inspection.report import told
from huracan_spool.inspection.window import Window

# Facts that others compare with, or that people ask for first.
_METRIC_FACTS = ("total_trades", "win_rate", "sharpe_ratio", "total_profit_gbp")


def check_metrics(file: Window, notes: Notes) -> None:
    document = _read_object(file, notes)
    if document is None:
        return
    _check_fields(document, formats.METRICS, notes)
    for name in _METRIC_FACTS:
        value = document.get(name)
        if value is not None and _is_number(value) and abs(value) < 2**53:  # neither is NaN, nor an infinity
            notes.facts[name] = value


def check_features(file: Window, notes: Notes) -> None:
    document = _read_object(file, notes)
    if document is None:
        return
    _check_fields(document, formats.FEATURES, notes)
    columns = _value(document, "feature_columns", "columns")
    count = _value(document, "total_features", "count")
    if isinstance(columns, list):
        notes.facts["features"] = len(columns)
        if _is_number(count) and count != len(columns):
            notes.add("other_length", f"the count is {_shown(count)}, the columns are {len(columns)}")
        _check_repeated([column for column in columns if isinstance(column, str)], notes)


def _check_repeated(columns: list[str], notes: Notes) -> None:
    repeated = [column for column, times in Counter(columns).items() if times > 1]
    if repeated:
        notes.add("doubled_column", f"{plural(len(repeated), 'name')} of columns more than once", told(repeated[0]))


def _read_object(file: Window, notes: Notes) -> dict[str, Any] | None:
    """None when it is JSON but no object, or too large to say. Raises `Unreadable`."""
    try:
        document = _parse(file, notes)
    except MemoryError:
        notes.add("not_checked", f"{file.size} bytes are too many to be parsed here")
        return None
    notes.facts["format"] = "json"
    _check_finite(document, notes)
    if isinstance(document, dict):
        notes.facts["keys"] = len(document)
        return document
    notes.add("not_an_object", f"the document is {_type_name(document)}, not an object")
    return None


def _parse(file: Window, notes: Notes) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            doubled.update(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        return result

    doubled: set[str] = set()
    try:
        document = json.loads(file.readall().decode("utf-8-sig"), object_pairs_hook=unique)
    except UnicodeDecodeError as error:
        raise Unreadable("it is not UTF-8", f"byte {error.start}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"it is not JSON: {error.msg}", where) from error
    except RecursionError as error:
        raise Unreadable("it is nested too deeply to be parsed") from error
    except ValueError as error:  # whole numbers of more than 4,300 digits
        raise Unreadable(f"it is not JSON that Python reads: {told(str(error))}") from error
    if doubled:
        notes.add("doubled_key", f"{plural(len(doubled), 'key')} more than once", f"key {told(min(doubled))}")
    return document


def _check_finite(document: Any, notes: Notes) -> None:
    bad = [path for path, value in _leaves(document) if isinstance(value, float) and not math.isfinite(value)]
    if bad:
        notes.add("not_finite", f"{plural(len(bad), 'number')} not finite, which JSON does not allow", bad[0])


def _leaves(document: Any) -> Iterator[tuple[str, Any]]:
    """Every value that is no object or list, in the order of the text, with a path such as `key loss[3]`."""
    if not isinstance(document, dict | list):
        yield "the document", document
        return
    stack = [("", _children(document))]
    while stack:
        path, children = stack[-1]
        for step, value in children:
            if isinstance(value, dict | list):
                stack.append((_joined(path, step), _children(value)))
                break
            yield f"key {_joined(path, step)}", value
        else:
            stack.pop()


def _children(container: dict[str, Any] | list[Any]) -> Iterator[tuple[str | int, Any]]:
    return iter(container.items()) if isinstance(container, dict) else enumerate(container)


def _joined(path: str, step: str | int) -> str:
    """Cut off where it gets longer than a place can be."""
    step = f"[{step}]" if isinstance(step, int) else f".{told(step)}" if path else told(step)
    return (path + step)[:150]


def _check_fields(document: dict[str, Any], fields: tuple[Field, ...], notes: Notes) -> None:
    for field in fields:
        names = [name for name in field.names if name in document]
        if field.required and not names:
            notes.add("missing_key", f"there is no {field.name}: {field.meaning}", f"key {field.name}")
        for name in names:
            _check_value(name, document[name], field, notes)


def _check_value(name: str, value: Any, field: Field, notes: Notes) -> None:
    if not _TYPES[field.type](value):
        notes.add("wrong_type", f"{name} should be {field.type}, not {_type_name(value)}", f"key {name}")
    elif field.unit == formats.FRACTION and value is not None and (value < 0 or value > 1):
        notes.add("out_of_range", f"{name} should be a {field.unit}, and is {_shown(value)}", f"key {name}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _is_list_of(item: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(item(each) for each in value)


def _or_null(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Null stands for NaN, which JSON can't say."""
    return lambda value: value is None or check(value)


_TYPES: dict[str, Callable[[Any], bool]] = {
    formats.NUMBER: _or_null(_is_number),
    formats.INTEGER: _or_null(_is_whole),
    formats.TEXT: _or_null(lambda value: isinstance(value, str)),
    formats.BOOLEAN: _or_null(lambda value: isinstance(value, bool)),
    formats.TIME: _or_null(lambda value: isinstance(value, str) or _is_whole(value)),
    formats.TEXTS: _is_list_of(lambda value: isinstance(value, str)),
    formats.COUNTS: _is_list_of(_is_whole),
}


def _type_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else told(str(value))


def _value(document: dict[str, Any], *names: str) -> Any:
    return next((document[name] for name in names if name in document), None)
