"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from huracan_spool.emulator import Emulator, EmulatorOptions
from support.site import Site

# How long an example takes says nothing on a machine that does other things as well.
hypothesis.settings.register_profile("huracan-spool", deadline=None)
hypothesis.settings.load_profile("huracan-spool")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A daemon in the test's own process sets it up for itself."""
    before, root = structlog.get_config(), logging.getLogger()
    level, handlers = root.level, root.handlers.copy()
    yield
    structlog.configure(**before)
    root.setLevel(level)
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
    logging.captureWarnings(capture=False)


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
