from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.systemd_machine import CHECKOUT, INSIDE
from support.systemd_sandbox import Sandbox, booted


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A fresh one, with two who train."""
    async with booted(tmp_path, {CHECKOUT: INSIDE}) as sandbox:
        await sandbox.shell("groupadd huracan; for who in anna bert; do useradd -m -G huracan $who; done")
        yield sandbox
