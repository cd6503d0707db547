"""Secrets are unique strings here, and everything that is ever written is searched for them."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from logging_in import log_in, stored

from huracan_spool.emulator import Emulator, EmulatorOptions, Fault
from support.runs import make_run
from support.site import Finished, Site

ACCESS = "sl.u.Acc3ss+T0ken/for=one-t3st~only"
REFRESH = "R3fresh+T0ken/for=an0ther-t3st"
KEY = "appk3yOfThisT3st"
SECRET = "appS3cret+OfThis/T3st"


def forms(secret: str) -> Iterator[bytes]:
    """As it is, in a URL, and in base64 at each of the three places where it can begin."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret.encode())
        yield encoded[4 if before else 0 : -4]


def found(secrets: list[str], written: dict[str, bytes]) -> list[tuple[str, str]]:
    return [
        (secret, place)
        for secret in secrets
        for place, data in written.items()
        if any(form in data for form in forms(secret))
    ]


def written_by(site: Site, *outputs: Finished | str) -> dict[str, bytes]:
    """Every file below the host but the two that hold the secrets on purpose, and what was printed."""
    ours = {site.config, stored(site)}
    files = {str(path): path.read_bytes() for path in site.home.rglob("*") if path.is_file() and path not in ours}
    texts = [each if isinstance(each, str) else each.out + each.err for each in outputs]
    return files | {f"output {number}": text.encode() for number, text in enumerate(texts)}


def test_the_search_finds_each_form() -> None:
    for data in (ACCESS.encode(), quote(ACCESS, safe="").encode(), base64.b64encode(b"Bearer " + ACCESS.encode())):
        assert found([ACCESS], {"x": b"before " + data + b" after"}) == [(ACCESS, "x")]


@pytest.fixture
async def quoting(tmp_path: Path) -> Emulator:
    async with Emulator(EmulatorOptions(http=None, root=tmp_path / "dropbox", token=ACCESS)) as emulator:
        yield emulator


async def commands(site: Site) -> list[Finished]:
    config = ("--config", str(site.config))
    asked = [
        ("check-config", *config),
        ("check-config", "--json", *config),
        ("auth", "status", *config),
        ("auth", "status", "--json", *config),
        ("doctor", *config),
        ("doctor", "--json", *config),
        ("status", "--json", *config),
        ("failed", "list", *config),
        ("run", "--help"),
    ]
    return [await site.command(*arguments) for arguments in asked]


async def test_an_access_token_while_all_goes_well_and_while_dropbox_quotes_it(
    site: Site, quoting: Emulator
) -> None:
    """Runs that are uploaded, that fail, that wait; answers that echo the token; a crash with all stacks."""
    site.connect(quoting)
    site.config.write_text(site.config.read_text() + "log: {level: debug}\n")
    site.settings |= {"upload.calls_per_second": "1000", "retry.call_first": "0.01s", "retry.call_max": "0.02s"}
    good, bad = make_run(0), make_run(1)
    async with site.daemon() as daemon:
        good.publish(site.spool)
        await daemon.settled(good.name)
        bad.drop(site.spool, b"{}")
        await daemon.logged("run_failed")
        echo = f'{{"error_summary": "{ACCESS}/", "error": {{".tag": "{ACCESS}"}}}}'
        asked = []
        for number, status in enumerate((500, 409, 400), start=10):
            spoiled = Fault(route="*", kind="reply", status=status, body=echo, times=None)
            quoting.faults.add(spoiled)
            seen = len(daemon.lines)
            make_run(number).publish(site.spool)
            await daemon.logged("dropbox_call_failed", after=seen)
            asked.append(await site.command("auth", "status", "--config", str(site.config)))
        asked += await commands(site)
        quoting.faults.clear()
        site.config.write_text("dropbox: {access_token: [" + ACCESS)
        daemon.signal(signal.SIGHUP)
        await daemon.logged("configuration_refused")
        broken = await commands(site)
        daemon.signal(signal.SIGABRT)
        await daemon.ended()
    assert ACCESS not in site.environ.values()
    assert found([ACCESS], written_by(site, *asked, *broken, daemon.log, daemon.stderr)) == []


@pytest.mark.parametrize("echo", [REFRESH, SECRET, KEY])
async def test_a_log_in_that_is_refused_by_an_echo(site: Site, dropbox: Emulator, echo: str) -> None:
    site.connect(dropbox)
    site.config.write_text(
        f'dropbox: {{refresh_token: "{REFRESH}", app_key: "{KEY}", app_secret: "{SECRET}"}}\n'
        "log: {level: debug}\n"
    )
    site.settings |= {"retry.call_first": "0.01s", "retry.call_max": "0.02s"}
    body = f'{{"error": "{echo}", "error_description": "{echo}", "access_token": "{echo} {echo}"}}'
    asked = []
    async with site.daemon() as daemon:
        for status in (400, 200):
            quoted = Fault(route="oauth2/token", kind="reply", status=status, body=body, times=None)
            quoted_there = dropbox.faults.add(quoted)
            make_run(status).publish(site.spool)
            await daemon.logged("dropbox_call_failed")
            asked += [await site.command("auth", "status", "--config", str(site.config))]
            dropbox.faults.remove(quoted_there.number)
        daemon.signal(signal.SIGTERM)
        await daemon.ended()
    assert found([REFRESH, KEY, SECRET], written_by(site, *asked, daemon.log, daemon.stderr)) == []


async def test_a_token_from_the_environment_or_among_credentials_that_is_no_token(site: Site) -> None:
    folder = site.home / "credentials"
    folder.mkdir()
    os.environ["CREDENTIALS_DIRECTORY"] = str(folder)
    try:
        (folder / "dropbox_refresh_token").write_text(f"{REFRESH} {REFRESH}")
        site.settings["dropbox.access_token"] = f"{ACCESS} {ACCESS}"
        asked = await commands(site)
    finally:
        del os.environ["CREDENTIALS_DIRECTORY"]
    (folder / "dropbox_refresh_token").unlink()

    assert asked[0].code == 78
    assert found([ACCESS, REFRESH], written_by(site, *asked)) == []


async def test_a_log_in_prints_neither_code_nor_tokens(site: Site, dropbox: Emulator) -> None:
    site.connect(dropbox)
    site.config.write_text(f'dropbox:\n  app_key: "{dropbox.app_key}"\n')
    site.settings["dropbox.authorize_url"] = str(dropbox.https_url)
    issued = f'{{"refresh_token": "{REFRESH}", "access_token": "{ACCESS}"}}'
    dropbox.faults.add(Fault(route="oauth2/token", kind="reply", status=200, body=issued))
    done = await log_in(site, dropbox, code="c0deOfThisT3st")
    echo = f'{{"error": "c0deOfThisT3st {REFRESH}"}}'
    dropbox.faults.add(Fault(route="oauth2/token", kind="reply", status=400, body=echo))
    refused = await log_in(site, dropbox, code="c0deOfThisT3st")

    assert done.code == 0, done.err
    assert REFRESH in stored(site).read_text()
    assert refused.code != 0
    assert found([ACCESS, REFRESH, "c0deOfThisT3st"], written_by(site, done, refused)) == []
