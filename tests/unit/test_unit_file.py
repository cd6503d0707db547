"""The systemd units: accepted by systemd, locked down, and in step with the exit codes."""

from __future__ import annotations

import re
import subprocess
from configparser import RawConfigParser
from pathlib import Path

UNITS = Path(__file__).parents[2] / "systemd"
UNIT = UNITS / "huracan-spool.service"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60)


def service() -> dict[str, str]:
    """The last value of each directive; enough where a directive stands once."""
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    return dict(parser["Service"])


def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    """Not even a warning; the program and its environment are not installed here, so another stands in."""
    units = [*UNITS.glob("*.service"), *UNITS.glob("*.slice"), *UNITS.glob("*.mount")]
    for unit in units:
        text = re.sub(r"^ExecStart=/opt/\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    verified = analyze("verify", "--man=no", *(str(tmp_path / unit.name) for unit in units))
    complaints = [line for line in verified.stderr.splitlines() if "huracan" in line]
    assert (len(units), verified.returncode, complaints) == (4, 0, [])


def test_the_unit_stays_locked_down() -> None:
    """Exposure of 1.2 at the most, 0 being the best and 10 the worst: as good as any networked daemon of Debian."""
    assert analyze("security", "--offline=true", "--threshold=12", str(UNIT)).returncode == 0


def test_the_unit_runs_the_daemon_as_its_own_user_in_the_producers_group() -> None:
    expected = {
        "Type": "notify",
        "ExecStart": "/opt/huracan-spool/venv/bin/huracan-spool run",
        "ExecReload": "/bin/kill -HUP $MAINPID",
        "User": "huracan-spool",
        "Group": "huracan",
        "StateDirectory": "huracan-spool",
        "Restart": "always",
        "Slice": "huracan.slice",
    }
    assert {name: service()[name] for name in expected} == expected


def test_what_only_a_person_can_mend_is_not_restarted() -> None:
    """64 usage, 77 not permitted, 78 configuration; 75, try again later, is left to Restart=."""
    assert service()["RestartPreventExitStatus"].split() == ["64", "77", "78"]


def test_the_spool_is_all_that_is_seen_of_tmp() -> None:
    directives = service()
    expected = {"ProtectSystem": "strict", "PrivateTmp": "yes", "BindPaths": "/tmp/huracan-spool"}
    assert {name: directives[name] for name in expected} == expected


def test_producers_are_told_apart() -> None:
    """With a user namespace of the usual kind each of them would be nobody."""
    assert "PrivateUsers" not in service()


def test_what_python_says_by_itself_is_an_error() -> None:
    assert service()["SyslogLevel"] == "err"
