"""An archive over each kind of store. The emulator lives in a thread, because the archive's calls wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kept_runs import Kept, KeptHere, KeptInDropbox

from huracan_spool.archive.archive import Archive
from huracan_spool.archive.loop import Loop
from huracan_spool.emulator import Emulator, EmulatorOptions


@pytest.fixture
def in_dropbox(tmp_path: Path) -> Iterator[KeptInDropbox]:
    loop = Loop()
    emulator = Emulator(EmulatorOptions(http=None, root=tmp_path / "dropbox"))
    loop.run(emulator.__aenter__())
    url = str(emulator.https_url)
    settings = {
        "dropbox.access_token": emulator.access_token,
        "dropbox.ca_file": str(emulator.ca_file),
        "dropbox.api_url": url,
        "dropbox.content_url": url,
        "dropbox.oauth_url": url,
        "upload.calls_per_second": "1000",
        "retry.call_first": "0.01s",
        "retry.call_max": "0.02s",
    }
    yield KeptInDropbox(tmp_path, settings, emulator, loop)
    loop.run(emulator.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def here(tmp_path: Path) -> KeptHere:
    return KeptHere(tmp_path)


@pytest.fixture(params=["dropbox", "local"])
def kept(request: pytest.FixtureRequest) -> Kept:
    """Whatever holds for one store holds for the other."""
    found: Kept = request.getfixturevalue("in_dropbox" if request.param == "dropbox" else "here")
    return found


@pytest.fixture
def archive(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    with kept.open(monkeypatch) as opened:
        yield opened
