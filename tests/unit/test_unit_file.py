"""The systemd unit: accepted by systemd, locked down, and in step with the exit codes."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "huracan-spool.service"

ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ANALYZE), *arguments], capture_output=True, text=True, check=False, timeout=60)


def service() -> dict[str, str]:
    """The last value of each directive; enough where a directive stands once."""
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    return dict(parser["Service"])


@needs_systemd
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    """Not even a warning; the program and its environment are not installed here, so another stands in."""
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    verified = analyze("verify", "--man=no", str(unit))
    complaints = [line for line in verified.stderr.splitlines() if UNIT.name in line]
    assert (verified.returncode, complaints) == (0, [])


@needs_systemd
def test_the_unit_stays_locked_down() -> None:
    """Exposure of 1.6 at the most, 0 being the best and 10 the worst."""
    assert analyze("security", "--offline=true", "--threshold=16", str(UNIT)).returncode == 0


def test_the_unit_runs_the_daemon_as_its_own_user_in_the_producers_group() -> None:
    expected = {
        "Type": "notify",
        "ExecStart": "/opt/huracan-spool/venv/bin/huracan-spool run",
        "ExecReload": "/bin/kill -HUP $MAINPID",
        "User": "huracan-spool",
        "Group": "huracan",
        "StateDirectory": "huracan-spool",
        "Restart": "always",
    }
    assert {name: service()[name] for name in expected} == expected


def test_what_only_a_person_can_mend_is_not_restarted() -> None:
    """64 usage, 77 not permitted, 78 configuration; 75, try again later, is left to Restart=."""
    assert service()["RestartPreventExitStatus"].split() == ["64", "77", "78"]


def test_the_spool_stays_writable() -> None:
    directives = service()
    assert (directives["ProtectSystem"], directives["ReadWritePaths"]) == ("strict", "/tmp")
    assert "PrivateTmp" not in directives
    assert "RestrictSUIDSGID" not in directives
