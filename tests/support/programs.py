"""Programs of the tests that run as processes of their own."""

from __future__ import annotations

import os
from pathlib import Path

_TESTS = Path(__file__).parents[1]


def environ(**more: str) -> dict[str, str]:
    """In which a program finds `support`, and the very package that is under test here."""
    places = [str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(places)} | more
