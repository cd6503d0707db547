"""`huracan-spool emulator`: a Dropbox of one's own, to point any client at."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from huracan_spool.emulator import EmulatorOptions

LOOPBACK = ("127.0.0.1", 0)


class Address(click.ParamType[tuple[str, int]]):
    """HOST:PORT; port 0 takes a free one."""

    name = "HOST:PORT"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > 65_535:
            self.fail(f"{value!r} is not HOST:PORT", param, ctx)
        return host.strip("[]"), int(port)


@click.command("emulator")
@click.option(
    "--http", type=Address(), metavar="HOST:PORT", help="Serve HTTP here, and HTTPS only if asked for too."
)
@click.option(
    "--https", type=Address(), metavar="HOST:PORT", help="Serve HTTPS here, and HTTP only if asked for too."
)
@click.option("--token", metavar="T", help="The access token to accept; one is made up otherwise.")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Hold the bytes of files under DIR while running, instead of in the system's temporary directory.",
)
@click.option(
    "--wan",
    metavar="PROFILE[,NAME=VALUE]...",
    help="Be as far away as PROFILE says (link, heavy-lock or dossier), with some of its figures changed.",
)
def emulator(
    http: tuple[str, int] | None,
    https: tuple[str, int] | None,
    token: str | None,
    root: Path | None,
    wan: str | None,
) -> None:
    """Serve a strict emulation of the Dropbox API, for one account, until TERM or INT.

    Without addresses both HTTP and HTTPS are served, on free ports of 127.0.0.1. The first line on stdout is
    a JSON object: http_url, https_url, ca_file, access_token, refresh_token, app_key. Every start begins with
    an empty account, and nothing is kept afterwards: DIR is for files that are too large for /tmp.
    """
    # Half a second of imports that no other command needs.
    from huracan_spool.emulator import EmulatorOptions, WanProfile, parse_profile  # noqa: PLC0415

    if http is None and https is None:
        http = https = LOOPBACK
    try:
        profile = parse_profile(wan) if wan else WanProfile()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--wan") from error
    # Clients made for HTTP/2, rclone for one, declare no lengths when they are given HTTP/1.1.
    options = EmulatorOptions(
        http=http,
        https=https,
        token=token,
        root=root,
        wan=profile,
        chunked_bodies=True,
        download_content_type=True,
    )
    asyncio.run(serve(options))


async def serve(options: EmulatorOptions) -> None:
    """Announce the emulator on stdout and stay until a signal."""
    from huracan_spool.emulator import Emulator  # noqa: PLC0415

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Emulator(options) as running:
        announcement = {
            "http_url": running.http_url,
            "https_url": running.https_url,
            "ca_file": str(running.ca_file),
            "access_token": running.access_token,
            "refresh_token": running.refresh_token,
            "app_key": running.app_key,
        }
        click.echo(json.dumps(announcement))
        await stop.wait()
