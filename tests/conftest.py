"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from huracan_spool.emulator import Emulator, EmulatorOptions
from support.site import Site


@pytest.fixture
async def dropbox(tmp_path: Path) -> AsyncIterator[Emulator]:
    """An emulated Dropbox on HTTPS, in the test's own process: it outlives every daemon."""
    async with Emulator(EmulatorOptions(http=None, root=tmp_path / "dropbox")) as emulator:
        yield emulator


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A host without Dropbox. Settling is short, for the sake of those who wait."""
    return Site(tmp_path / "host", {"spool.settle": "0.2s"})


@pytest.fixture
def connected(site: Site, dropbox: Emulator) -> Site:
    """A host whose daemon uploads to `dropbox`, as fast as it can."""
    site.connect(dropbox)
    site.settings["upload.calls_per_second"] = "1000"
    return site
