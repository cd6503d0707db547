"""HTML that is safe by how it is made: text becomes markup here and nowhere else, and is escaped on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Value = str | float | bool | None
_VOID = frozenset({"meta"})


class Html(str):
    """Markup. Only `tag` and `joined` make it, and constants of this package."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: Value) -> Html:
    """An element. Content that is no `Html` is text. An attribute that is True has no value; False, None: none.

    `data_live` becomes data-live, `class_` class.
    """
    opened = "".join([name, *(_attribute(*each) for each in attributes.items())])
    return Html(f"<{opened}>" if name in _VOID else f"<{opened}>{joined(content)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    return Html("".join(part if isinstance(part, Html) else escape(_visible(part)) for part in parts))


def short(text: str) -> Html:
    """Text that is not broken over lines."""
    return tag("span", text, class_="short")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Reads as cards on a phone, where the style makes blocks of it: hence the roles."""
    head = tag("tr", *(tag("th", text, scope="col", role="columnheader") for text in heads), role="row")
    body = [tag("tr", *(tag("td", cell, role="cell") for cell in row), role="row") for row in rows]
    return tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", head, role="rowgroup"),
        tag("tbody", *body, role="rowgroup"),
        role="table",
    )


def _attribute(name: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    spelled = name.rstrip("_").replace("_", "-")
    return f" {spelled}" if value is True else f' {spelled}="{escape(_visible(str(value)))}"'


def _visible(text: str) -> str:
    """Without characters that are not seen or that turn the text around them: a reason may quote anything."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
