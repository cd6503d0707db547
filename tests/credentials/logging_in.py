"""A person who logs in: runs the command, opens the page it names, pastes the code."""

from __future__ import annotations

import asyncio
import re
import ssl
from pathlib import Path

import aiohttp

from huracan_spool.emulator import Emulator
from support.site import COMMAND, Finished, Site
from support.waiting import within

_URL = re.compile(r"https?://\S+")
_CODE = re.compile(r'id="code" value="([^"]+)"')
_PIPE = asyncio.subprocess.PIPE


def prepare(site: Site, dropbox: Emulator) -> None:
    """The app's key in the configuration, and nothing yet that lasts."""
    site.connect(dropbox)
    site.config.write_text(f'dropbox:\n  app_key: "{dropbox.app_key}"\n')
    site.settings |= {"dropbox.authorize_url": str(dropbox.https_url), "upload.calls_per_second": "1000"}


async def code_for(url: str, dropbox: Emulator) -> str:
    trust = ssl.create_default_context(cafile=str(dropbox.ca_file))
    async with aiohttp.ClientSession() as session, session.get(url, ssl=trust) as page:
        found = _CODE.search(await page.text())
    assert found
    return found[1]


async def log_in(site: Site, dropbox: Emulator, *options: str, code: str | None = None) -> Finished:
    """`code` is pasted in place of the page's own."""
    command = (*COMMAND, "auth", "login", "--config", str(site.config), *options)
    process = await asyncio.create_subprocess_exec(
        *command, env=site.environ, stdin=_PIPE, stdout=_PIPE, stderr=_PIPE
    )
    assert process.stdin
    assert process.stderr
    said = ""
    while not (url := _URL.search(said)):
        line = await within(process.stderr.readline(), "the page to open")
        if not line:
            break
        said += line.decode()
    if url:
        process.stdin.write(f"{code or await code_for(url[0], dropbox)}\n".encode())
    out, err = await within(process.communicate(), "the end of auth login")
    return Finished(process.returncode or 0, out.decode(), said + err.decode())


def stored(site: Site) -> Path:
    return site.home / "config.login.yaml"
