"""The Debian package: built, installed, upgraded, removed and purged as the documentation says."""

from __future__ import annotations

import os

from support.runs import make_run
from support.systemd_machine import SERVICE, documented_commands, main_pid, started_again, submit, upload
from support.systemd_sandbox import Sandbox

# What a later version differs in is nothing to the package manager; only its number counts.
UPGRADE = """
cd /var/cache
dpkg-deb --raw-extract huracan-spool_*.deb later
sed -i 's/^Version: .*/&.1/' later/DEBIAN/control
dpkg-deb -Znone --build later later.deb
apt-get install --yes ./later.deb
"""


async def test_a_package_from_the_first_install_to_the_purge(machine: Sandbox) -> None:
    await machine.shell(documented_commands()[1])
    assert (await machine.show(SERVICE, "ActiveState", "UnitFileState")) == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
    }
    await upload(machine, "anna", make_run(0))
    await upgraded(machine)
    await removed(machine)
    await purged(machine)


async def upgraded(machine: Sandbox) -> None:
    """In place: what was changed in the configuration stays, and what waited is done by the new version."""
    config = machine.root / "etc/huracan-spool/config.yaml"
    changed = config.read_text() + "\n# ours\n"
    config.write_text(changed)
    await machine.run("systemctl", "stop", SERVICE)
    await submit(machine, "bert", make_run(1))
    await machine.shell(UPGRADE)
    await started_again(machine, "0")
    assert config.read_text() == changed
    await upload(machine, "anna", make_run(2))
    archived = await machine.shell("find /var/lib/huracan-spool/archive -name training_metrics.json | wc -l")
    assert archived.out.strip() == "3"


async def removed(machine: Sandbox) -> None:
    assert await main_pid(machine) != "0"
    await machine.run("systemctl", "stop", SERVICE)
    waiting = make_run(3)
    await submit(machine, "anna", waiting)
    await machine.run("apt-get", "remove", "--yes", "huracan-spool")
    assert (await machine.run("systemctl", "is-active", SERVICE, code=None)).code != 0
    assert waiting.manifest_file in os.listdir(machine.root / "var/spool/huracan-spool")
    assert (machine.root / "var/lib/huracan-spool/ledger.sqlite").exists()
    assert (machine.root / "etc/huracan-spool/config.yaml").exists()


async def purged(machine: Sandbox) -> None:
    await machine.run("apt-get", "purge", "--yes", "huracan-spool")
    left = await machine.shell("find /etc /usr /opt /var/lib /var/spool -path '*huracan-spool*' ! -path '*/dpkg/*'")
    assert left.out == ""
