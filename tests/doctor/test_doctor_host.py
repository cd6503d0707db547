"""What `doctor` finds on the host itself; every check is made to find something."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from advice import Doctor

from support.runs import make_run
from support.site import Site
from support.strace import failing

MOUNT = "systemctl enable --now 'tmp-huracan\\x2dspool.mount'"
SHOWN = "LoadState=loaded\nActiveState={}\nUnitFileState={}\nResult={}\nNRestarts={}\nExecMainStatus={}"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """One mebibyte in memory, full."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", place], check=True)
    try:
        (place / "ballast").write_bytes(bytes(1024 * 1024))
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


async def test_a_host_in_order_has_no_failure(site: Site, doctor: Doctor) -> None:
    run = make_run()
    async with site.daemon() as daemon:
        run.publish(site.spool)
        await daemon.settled(run.name)
        code, found = await doctor()

    assert code == 0
    assert {level for findings in found.values() for level, _, _ in findings} <= {"ok", "warn", "skip"}
    assert found["runs"] == [("ok", "0 pending, none failed", "")]
    assert found["login"] == [("skip", "runs go to the local archive", "")]
    assert ("warn", "no log-in: runs go to the local archive only", "huracan-spool auth login") in found[
        "configuration"
    ]


async def test_a_broken_configuration_is_told_and_the_rest_still_looked_at(site: Site, doctor: Doctor) -> None:
    site.config.write_text("upload: {workers: many}\nspoool: {}\n")
    code, found = await doctor()

    assert code == 1
    assert [(level, fix) for level, _, fix in found["configuration"]] == [
        ("fail", "huracan-spool check-config")
    ] * 2
    assert found["versions"][0][0] == "ok"
    assert found["spool"] == [("skip", "the configuration can't be used", "")]


async def test_text_has_the_fix_below_each_finding(site: Site) -> None:
    site.config.write_text("upload: {workers: many}\n")
    done = await site.command("doctor", "--config", str(site.config))

    assert done.code == 1
    first, second = done.out.splitlines()[:2]
    assert first.startswith("fail  configuration: upload.workers: expected")
    assert second == "      huracan-spool check-config"


async def test_a_spool_that_is_open_and_somebody_elses(site: Site, doctor: Doctor) -> None:
    site.spool.mkdir()
    site.spool.chmod(0o777)
    os.chown(site.spool, 61234, 61234)
    code, found = await doctor()

    assert code == 1
    assert [(level, fix) for level, _, fix in found["spool"]][:2] == [
        ("fail", f"chown root {site.spool}"),
        ("fail", f"chmod 3770 {site.spool}"),
    ]
    assert found["spool"][2][0] == "warn"
    assert found["spool"][2][2].endswith(f"chgrp huracan {site.spool}")


async def test_a_spool_without_its_bits_and_one_that_is_a_link(site: Site, doctor: Doctor) -> None:
    site.spool.mkdir()
    site.spool.chmod(0o770)
    _, loose = await doctor()
    site.spool.rmdir()
    site.spool.symlink_to("/etc")
    code, linked = await doctor()

    assert (loose["spool"][0][0], loose["spool"][0][2]) == ("warn", f"chmod 3770 {site.spool}")
    assert code == 1
    assert (linked["spool"][0][0], linked["spool"][0][2]) == ("fail", f"rm {site.spool}")


async def test_a_full_disk_in_memory(site: Site, doctor: Doctor, small_disk: Path) -> None:
    """The spool's, the state's and the archive's."""
    site.settings |= {
        "spool.path": str(small_disk / "spool"),
        "state_dir": str(small_disk),
        "archive.path": str(small_disk / "archive"),
    }
    code, found = await doctor()

    assert code == 1
    assert (found["spool_disk"][0][0], found["spool_disk"][0][2]) == ("warn", MOUNT)
    assert "tmpfs" in found["spool_disk"][0][1]
    for check in ("spool_disk", "state", "archive_disk"):
        level, says, fix = found[check][-1]
        assert (level, says, fix.split()[0]) == ("fail", f"{small_disk}: 0.0 GB free (0%)", "du")


async def test_rules_that_clean_the_spool(site: Site, doctor: Doctor, program: Callable[[str, str], None]) -> None:
    program("systemd-tmpfiles", f"echo '# a comment'; echo 'q {site.home} 1777 root root 10d'")
    _, aged = await doctor()
    program("systemd-tmpfiles", f"echo 'D {site.home} 1777 root root -'")
    _, emptied = await doctor()
    program("systemd-tmpfiles", f"echo 'q {site.home} 1777 root root 10d'; echo 'x {site.spool}'")
    _, exempt = await doctor()

    assert aged["tmp_cleaning"][0][0::2] == ("warn", MOUNT)
    assert "older than 10d" in aged["tmp_cleaning"][0][1]
    assert emptied["tmp_cleaning"][0][0::2] == ("warn", MOUNT)
    assert "emptied at boot" in emptied["tmp_cleaning"][0][1]
    assert exempt["tmp_cleaning"][0][0] == "ok"


async def test_a_state_directory_of_somebody_else(site: Site, doctor: Doctor) -> None:
    site.state.mkdir()
    os.chown(site.state, 61234, 61234)
    code, found = await doctor()

    assert (code, found["state"][0][0::2]) == (1, ("fail", f"chown -R root {site.state}"))


async def test_failed_runs_and_a_ledger_that_is_none(site: Site, doctor: Doctor) -> None:
    async with site.daemon() as daemon:
        make_run().drop(site.spool, b"{}")
        await daemon.logged("run_failed")
    _, found = await doctor()
    assert found["runs"] == [("warn", "1 failed run(s)", "huracan-spool failed list")]


async def test_no_inotify_instance_left(doctor: Doctor) -> None:
    _, found = await doctor(failing("inotify_init1", "EMFILE"))

    assert found["inotify"][0][0] == "warn"
    assert found["inotify"][0][2].startswith("sysctl -w fs.inotify.max_user_instances=")


async def test_a_library_that_is_too_old(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old" / "tenacity-1.0.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: tenacity\nVersion: 1.0\n")
    monkeypatch.setenv("PYTHONPATH", str(old.parent))
    code, found = await doctor()

    assert code == 1
    assert found["versions"] == [("fail", "tenacity 1.0 is older than 9.1", "pip install 'tenacity>=9.1'")]


async def test_a_service_that_failed_or_keeps_falling(doctor: Doctor, program: Callable[[str, str], None]) -> None:
    program("systemctl", f"echo '{SHOWN.format('failed', 'enabled', 'exit-code', 0, 78)}'")
    code, failed = await doctor()
    program("systemctl", f"echo '{SHOWN.format('active', 'disabled', 'success', 3, 0)}'")
    _, falling = await doctor()
    program("systemctl", "echo LoadState=not-found")
    _, missing = await doctor()
    program("systemctl", "echo no bus >&2; exit 1")
    _, unknown = await doctor()

    assert (code, failed["service"][0][0]) == (1, "fail")
    assert "exit 78" in failed["service"][0][1]
    assert failed["service"][0][2].startswith("journalctl -u huracan-spool.service")
    assert [finding[0] for finding in falling["service"]] == ["warn", "warn"]
    assert missing["service"] == [("warn", "huracan-spool.service is not installed", "huracan-spool install")]
    assert unknown["service"] == [("skip", "systemctl: no bus", "")]


async def test_a_port_that_another_program_has(site: Site, doctor: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site.settings["http.listen"] = f"127.0.0.1:{port}"
        _, found = await doctor()
        async with site.daemon():
            _, deceived = await doctor()

    assert found["http_address"][0][0::2] == ("warn", f"ss -ltnp 'sport = :{port}'")
    assert deceived["http_address"][0][0] == "ok"


async def test_a_user_without_rights_is_told_so(site: Site, doctor: Doctor) -> None:
    async with site.daemon():
        pass
    for folder in (site.state, site.spool):
        os.chown(folder, 61234, 61234)
        folder.chmod(0o700)
    _, found = await doctor(("setpriv", "--bounding-set=-all"))

    assert found["runs"][0][0::2] == ("skip", "sudo huracan-spool doctor")
    shutil.rmtree(site.state)
