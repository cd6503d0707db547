"""What `doctor` finds on the way to Dropbox and in the account."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

import pytest
from advice import Doctor

from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from support.site import Site

LOGIN = "huracan-spool auth login"


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Emulator]:
    """An account of a thousand bytes."""
    async with Emulator(EmulatorOptions(http=None, root=tmp_path / "small", quota_bytes=1000)) as emulator:
        yield emulator


def refreshed(site: Site, dropbox: Emulator) -> None:
    site.connect(dropbox)
    site.config.write_text(
        f'dropbox:\n  refresh_token: "{dropbox.refresh_token}"\n  app_key: "{dropbox.app_key}"\n'
    )


async def test_a_good_log_in_and_a_good_way(site: Site, dropbox: Emulator, doctor: Doctor) -> None:
    refreshed(site, dropbox)
    code, found = await doctor()

    assert code == 0
    for check in ("proxy", "names", "tls", "clock", "login"):
        assert {level for level, _, _ in found[check]} == {"ok"}, found[check]


async def test_a_revoked_log_in(site: Site, dropbox: Emulator, doctor: Doctor) -> None:
    refreshed(site, dropbox)
    dropbox.revoke_refresh_token()
    code, found = await doctor()

    assert code == 1
    assert found["login"][0][0] == "fail"
    assert found["login"][0][2].startswith(LOGIN)


async def test_missing_scopes_and_a_token_that_does_not_last(site: Site, dropbox: Emulator, doctor: Doctor) -> None:
    site.connect(dropbox)
    token = dropbox.issue_token(frozenset({"files.metadata.read", "files.content.read"}))
    site.config.write_text(f'dropbox:\n  access_token: "{token}"\n')
    code, found = await doctor()

    assert code == 1
    assert [(level, says.split()[-1]) for level, says, _ in found["login"]] == [
        ("warn", "hours"),
        ("fail", "files.content.write"),
        ("warn", "known"),
    ]
    assert found["login"][1][2].endswith(LOGIN)


async def test_a_full_account(site: Site, small: Emulator, doctor: Doctor) -> None:
    site.connect(small)
    small.put("/full", bytes(995))
    code, found = await doctor()

    assert (code, found["login"][-1][0]) == (1, "fail")
    assert found["login"][-1][2].startswith("free some space")


async def test_a_clock_that_is_off(site: Site, dropbox: Emulator, doctor: Doctor) -> None:
    site.connect(dropbox)
    answers = []
    for behind in (3600, 60):
        headers = {"Date": formatdate(time.time() + behind, usegmt=True)}
        dropbox.faults.add(Fault(route="check/user", kind="reply", status=401, headers=headers))
        answers.append(await doctor())
    (code, wrong), (_, odd) = answers

    assert (code, wrong["clock"][0][0::2]) == (1, ("fail", "timedatectl set-ntp true"))
    assert "behind" in wrong["clock"][0][1]
    assert odd["clock"][0][0::2] == ("warn", "timedatectl set-ntp true")


async def test_a_certificate_that_nobody_vouches_for(site: Site, dropbox: Emulator, doctor: Doctor) -> None:
    site.connect(dropbox)
    del site.settings["dropbox.ca_file"]
    code, found = await doctor()

    level, says, fix = found["tls"][0]
    assert (code, level) == (1, "fail")
    assert "self-signed certificate" in says or "unable to get local issuer" in says
    assert "dropbox.ca_file" in says
    assert fix.startswith("openssl s_client -connect 127.0.0.1:")
    assert found["clock"][0][0] == "skip"
    assert found["login"][0][0] == "fail"


async def test_nobody_there_and_no_such_name(site: Site, dropbox: Emulator, doctor: Doctor) -> None:
    site.connect(dropbox)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    site.settings |= {
        "dropbox.api_url": f"https://127.0.0.1:{port}",
        "dropbox.content_url": "https://dropbox.invalid",
    }
    code, found = await doctor()

    assert code == 1
    assert [level for level, _, _ in found["names"]] == ["ok", "fail", "ok"]
    assert found["names"][1][2] == "getent ahosts dropbox.invalid"
    assert [level for level, _, _ in found["tls"]] == ["fail", "fail", "ok"]


async def test_a_proxy_that_is_not_there_and_one_of_the_wrong_kind(
    site: Site, dropbox: Emulator, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.connect(dropbox)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    _, wrong_kind = await doctor()
    site.settings["dropbox.api_url"] = "https://dropbox.invalid"
    monkeypatch.setenv("https_proxy", "http://me:SECRET@127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    code, found = await doctor()

    assert wrong_kind["proxy"][0][0::2] == ("warn", "env | grep -i _proxy")
    assert (code, found["proxy"][0][0::2]) == (1, ("fail", "env | grep -i _proxy"))
    assert "SECRET" not in str(found)
