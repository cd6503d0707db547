"""What an installation writes, into a folder that stands for the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from huracan_spool.install.files import IDENTITY_SINCE, UNITS, Places, Shipped, below, config_file, program_files
from huracan_spool.install.steps import install_steps, uninstall_steps, why_not

VENV = Path("/srv/tools/spool/venv")
UNIT = Path("/usr/local/lib/systemd/system/huracan-spool.service")
CONFIG = Path("/etc/huracan-spool/config.yaml")
SHIPPED = Shipped.with_package(VENV)


def install(root: Path, version: int = 252) -> list[str]:
    """What it said that it did."""
    told = []
    for step in install_steps(SHIPPED, Places.local(), version, root):
        step.do()
        told.append(step.told)
    return told


def test_every_unit_that_is_shipped_is_installed() -> None:
    shipped = {path.name for kind in ("*.service", "*.slice", "*.mount") for path in SHIPPED.units.glob(kind)}
    assert set(UNITS) == shipped


def test_a_second_installation_finds_all_done(tmp_path: Path) -> None:
    assert len(install(tmp_path)) == 8
    assert install(tmp_path) == []


def test_an_upgrade_replaces_the_units_and_leaves_the_configuration(tmp_path: Path) -> None:
    install(tmp_path)
    below(tmp_path, UNIT).write_text("an earlier one")
    below(tmp_path, CONFIG).write_text("mine")
    assert install(tmp_path) == [f"write {below(tmp_path, UNIT)}"]
    assert below(tmp_path, UNIT).read_text() != "an earlier one"
    assert below(tmp_path, CONFIG).read_text() == "mine"


def test_the_unit_runs_the_environment_that_installs_it(tmp_path: Path) -> None:
    install(tmp_path)
    lines = below(tmp_path, UNIT).read_text().splitlines()
    assert f"ExecStart={VENV}/bin/huracan-spool run" in lines
    assert any(line.startswith(f"ExecPaths={VENV.parent} /usr/bin/python3 ") for line in lines)
    assert not any("/opt/" in line for line in lines if not line.startswith("#"))


def test_a_link_is_never_written_through(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("untouched")
    place = below(tmp_path, UNIT)
    place.parent.mkdir(parents=True)
    place.symlink_to(canary)
    install(tmp_path)
    assert canary.read_text() == "untouched"
    assert not place.is_symlink()


def test_the_configuration_is_closed_to_others(tmp_path: Path) -> None:
    """It may come to hold a token."""
    place = tmp_path / "config.yaml"
    config_file(SHIPPED).put(place)
    assert place.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("version", "known"), [(IDENTITY_SINCE - 1, False), (IDENTITY_SINCE, True)])
def test_the_user_namespace_is_for_a_systemd_that_knows_it(version: int, *, known: bool) -> None:
    names = {file.target.name for file in program_files(SHIPPED, Places.packaged(), version)}
    assert ("private-users-identity.conf" in names) == known


def test_what_is_uninstalled_is_what_was_installed(tmp_path: Path) -> None:
    install(tmp_path, IDENTITY_SINCE)
    for step in uninstall_steps(SHIPPED, Places.local(), IDENTITY_SINCE, tmp_path):
        step.do()
    left = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if not path.is_dir()}
    assert left == {CONFIG.relative_to("/")}


@pytest.mark.parametrize("hidden", ["/root/venv", "/home/anna/venv", "/tmp/venv"])
def test_what_the_service_does_not_see_is_refused(hidden: str) -> None:
    assert "/opt/huracan-spool/venv" in str(why_not(Path(hidden), Path("/usr/bin/python3")))
    assert "/opt/huracan-spool/venv" in str(why_not(VENV, Path(hidden) / "bin/python3"))
    assert why_not(VENV, Path("/usr/bin/python3")) is None
