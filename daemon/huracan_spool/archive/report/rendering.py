"""Charts as SVG and PNG, and the JavaScript that draws them in a browser: all from vl-convert, without network."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import vl_convert

_ID = re.compile(r'<[a-zA-Z]+ id="(\w+)"')
_USED = re.compile(r'(\bid="|="url\(#)(\w+)')

# Nothing is loaded while a chart is drawn, from nowhere.
_NO_SOURCES: list[str] = []


def svg(document: dict[str, Any], name: str) -> str:
    """With identifiers that begin with `name` and count from 0.

    Several drawings meet on one page, and vl-convert counts on from one drawing to the next.
    """
    drawn = vl_convert.vegalite_to_svg(json.dumps(document), allowed_base_urls=_NO_SOURCES)
    known = {found: f"{name}-{number}" for number, found in enumerate(dict.fromkeys(_ID.findall(drawn)))}
    return _USED.sub(lambda match: f"{match[1]}{known.get(match[2], match[2])}", drawn)


def png(document: dict[str, Any], scale: float = 2.0) -> bytes:
    return vl_convert.vegalite_to_png(json.dumps(document), scale=scale, allowed_base_urls=_NO_SOURCES)


@functools.cache
def bundle(snippet: str) -> str:
    """`snippet`, which may use `vegaEmbed`, with all that it needs; fit to stand in a script element."""
    return vl_convert.javascript_bundle(snippet)
