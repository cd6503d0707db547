from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from places import LocalPlace, Place, place_with


@pytest.fixture(params=["local", "dropbox"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Each store in turn: whatever holds for one holds for the other."""
    if request.param == "local":
        yield LocalPlace(tmp_path / "archive")
        return
    async with place_with() as dropbox:
        yield dropbox
