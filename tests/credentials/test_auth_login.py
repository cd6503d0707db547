"""`auth login` and `auth status`, against a Dropbox with a page of consent."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from logging_in import log_in, prepare, stored

from huracan_spool.emulator import ALL_SCOPES, Emulator, Fault
from huracan_spool.settings import load
from support.runs import make_run
from support.site import Site

CONFIG = "--config"
POWERLESS = ("setpriv", "--bounding-set=-all")  # root without its rights over others' files


@pytest.fixture
def host(site: Site, dropbox: Emulator) -> Site:
    prepare(site, dropbox)
    return site


async def test_a_login_is_stored_for_its_owner_alone_and_used(host: Site, dropbox: Emulator) -> None:
    done = await log_in(host, dropbox)
    file = stored(host)

    assert (done.code, done.out) == (0, f"logged in; stored in {file}\n"), done.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    settings = load(host.config, host.environ)
    assert settings.dropbox.refresh_token is not None
    assert settings.dropbox.refresh_token.reveal() not in done.out + done.err
    status = await host.command("auth", "status", "--json", CONFIG, str(host.config))
    assert status.code == 0, status.err
    assert status.json["account"]["email"] == "emulator@example.com"
    assert status.json["space"] == {"used": 0, "allocated": 2 * 1024**4}
    assert status.json["scopes"] == dict.fromkeys(ALL_SCOPES, True)
    assert status.json["token"]["kind"] == "refresh_token"
    assert 14_000 < status.json["token"]["access_expires_in_seconds"] <= 14_400


async def test_a_running_daemon_goes_on_by_itself_after_a_new_login(host: Site, dropbox: Emulator) -> None:
    """With a token that was revoked; no signal, no restart."""
    with host.config.open("a") as file:
        file.write(f'  refresh_token: "{dropbox.refresh_token}"\n')
    dropbox.revoke_refresh_token()
    run = make_run()
    async with host.daemon() as daemon:
        run.publish(host.spool)
        paused = await daemon.logged("uploads_paused")
        assert paused.fields["action"].startswith("huracan-spool auth login")
        done = await log_in(host, dropbox)
        assert done.code == 0, done.err
        await daemon.logged("login_changed")
        await daemon.settled(run.name)
        assert daemon.events.count("uploads_paused") == 1
        odd = await daemon.logged("configuration_is_odd")
    assert "dropbox.refresh_token" in odd.fields["warning"]
    assert str(stored(host)) in odd.fields["warning"]


async def test_a_daemon_that_kept_a_local_archive_uploads_after_the_first_login(
    host: Site, dropbox: Emulator
) -> None:
    run = make_run()
    async with host.daemon() as daemon:
        await daemon.logged("dropbox_not_configured")
        assert (await log_in(host, dropbox)).code == 0
        await daemon.logged_times(2, "daemon_ready")
        run.publish(host.spool)
        done = await daemon.logged("comprehensive_dropbox_upload_complete")
    assert done.fields["store"] == "dropbox"


async def test_a_wrong_code_leaves_the_old_login_as_it_was(host: Site, dropbox: Emulator) -> None:
    await log_in(host, dropbox)
    before = stored(host).read_bytes()
    done = await log_in(host, dropbox, code="wrong")

    assert done.code == 77
    assert "invalid_grant" in done.err
    assert "begin again" in done.err
    assert stored(host).read_bytes() == before
    assert {path.name for path in host.home.iterdir()} == {"config.yaml", "config.login.yaml"}


async def test_without_an_answer_nothing_is_stored(host: Site, dropbox: Emulator) -> None:
    dropbox.faults.add(Fault(route="oauth2/token", kind="refuse", times=None))
    done = await log_in(host, dropbox, "--code-from-stdin", code="any")

    assert done.code == 69
    assert not stored(host).exists()


async def test_without_an_app_key_the_command_says_where_to_get_one(host: Site, dropbox: Emulator) -> None:
    host.config.write_text("dropbox: {}\n")
    refused = await log_in(host, dropbox)
    taken = await log_in(host, dropbox, "--app-key", dropbox.app_key)

    assert (refused.code, "--app-key" in refused.err) == (78, True)
    assert taken.code == 0
    assert load(host.config, host.environ).dropbox.app_key is not None


async def test_credentials_for_systemd_are_one_file_each(host: Site, dropbox: Emulator) -> None:
    folder = host.home / "credentials"
    folder.mkdir()
    done = await log_in(host, dropbox, "--credential", str(folder))

    assert done.code == 0, done.err
    assert f"LoadCredential=dropbox_refresh_token:{folder}/dropbox_refresh_token" in done.err
    assert "systemctl restart" in done.err
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    status = await Site.command(
        Site(host.home / "other", host.settings | {"dropbox.app_key": dropbox.app_key}), "auth", "status"
    )
    assert status.code == 78
    settings = load(host.config, host.environ, folder)
    assert settings.sources["dropbox.refresh_token"].origin == "credential dropbox_refresh_token"


async def test_credentials_can_be_handed_to_systemd_creds(host: Site, dropbox: Emulator, tmp_path: Path) -> None:
    """With a program in systemd-creds' place, which makes no host key of this machine's."""
    tools, folder = tmp_path / "tools", host.home / "credentials"
    for each in (tools, folder):
        each.mkdir()
    fake = tools / "systemd-creds"
    fake.write_text('#!/bin/sh\n[ "$1" = encrypt ] || exit 1\nprintf "%s:" "$2"; rev\n')
    fake.chmod(0o755)
    os.environ["PATH"] = f"{tools}:{os.environ['PATH']}"
    try:
        done = await log_in(host, dropbox, "--credential", str(folder), "--encrypt")
    finally:
        os.environ["PATH"] = os.environ["PATH"].removeprefix(f"{tools}:")

    assert done.code == 0, done.err
    assert (folder / "dropbox_app_key").read_text() == f"--name=dropbox_app_key:{dropbox.app_key[::-1]}"
    assert "LoadCredentialEncrypted=dropbox_refresh_token" in done.err


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(route="*", kind="auth", tag="invalid_access_token", times=None), 77),
        (Fault(route="*", kind="refuse", times=None), 69),
        (Fault(route="*", kind="html", times=None), 69),
    ],
    ids=["refused", "unreachable", "portal"],
)
async def test_status_says_what_is_wrong(host: Site, dropbox: Emulator, fault: Fault, code: int) -> None:
    host.connect(dropbox)
    dropbox.faults.add(fault)
    status = await host.command("auth", "status", CONFIG, str(host.config))

    assert status.code == code, status.err
    assert "Traceback" not in status.err
    assert dropbox.access_token not in status.err


async def test_status_names_the_scopes_that_are_missing(host: Site, dropbox: Emulator) -> None:
    host.connect(dropbox)
    token = dropbox.issue_token(frozenset({"files.metadata.read", "files.content.write"}))
    host.config.write_text(f'dropbox:\n  access_token: "{token}"\n')
    status = await host.command("auth", "status", CONFIG, str(host.config))

    assert status.code == 0, status.err
    assert "scope    files.content.read: NO" in status.out
    assert "scope    files.content.write: yes" in status.out
    assert "access token (" in status.out


async def test_without_a_login_status_names_the_command(host: Site) -> None:
    status = await host.command("auth", "status", CONFIG, str(host.config))

    assert (status.code, status.err) == (78, "Error: not logged in: huracan-spool auth login\n")


async def test_others_may_ask_for_the_queue_though_the_login_is_not_theirs(host: Site, dropbox: Emulator) -> None:
    await log_in(host, dropbox)
    host.config.write_text("spool: {}\n")
    host.config.chmod(0o644)
    os.chown(stored(host), 61234, 61234)
    status = await host.command("check-config", "--json", CONFIG, str(host.config), wrapper=POWERLESS)
    refused = await host.command("auth", "status", CONFIG, str(host.config), wrapper=POWERLESS)

    assert (status.code, status.json["store"]) == (0, "dropbox")
    assert refused.code == 77
    assert str(stored(host)) in refused.err
