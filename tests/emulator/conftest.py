from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from emulator_caller import Caller

from huracan_spool.emulator import Emulator, EmulatorOptions


@pytest.fixture
def options(request: pytest.FixtureRequest) -> EmulatorOptions:
    """The defaults, or what the test's `options` mark says."""
    mark = request.node.get_closest_marker("options")
    return EmulatorOptions(**(mark.kwargs if mark else {}))


@pytest.fixture
async def emulator(options: EmulatorOptions) -> AsyncIterator[Emulator]:
    async with Emulator(options) as running:
        yield running


@pytest.fixture
async def caller(emulator: Emulator) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(emulator, session)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "options(**chosen): the options of this test's emulator")
