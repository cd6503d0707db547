from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest
from advice import Advice, Doctor

from support.site import Site


@pytest.fixture
def doctor(site: Site) -> Doctor:
    """Runs the command; gives its exit code and, by check, each finding's level, text and fix."""

    async def run(wrapper: Sequence[str] = ()) -> tuple[int, Advice]:
        done = await site.command("doctor", "--json", "--config", str(site.config), wrapper=wrapper)
        assert "Traceback" not in done.err
        found: Advice = {}
        for each in done.json["findings"]:
            found.setdefault(each["check"], []).append((each["level"], each["says"], each["fix"]))
        return done.code, found

    return run


@pytest.fixture
def program(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a shell script in the place of a program of the host."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return put
