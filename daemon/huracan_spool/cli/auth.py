"""`auth`: log in to Dropbox from a terminal without a browser, and see how the log-in stands."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, load_settings, log_to_stderr
from huracan_spool.settings import SERVICE_USER, Settings, store_login, write_secret

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

CREDENTIALS = ("dropbox_app_key", "dropbox_refresh_token")


@click.group()
def auth() -> None:
    """Log in to Dropbox, and see how the log-in stands."""


@auth.command()
@config_option
@click.option("--app-key", metavar="KEY", help="The app's key, if the configuration has none.")
@click.option("--code-from-stdin", is_flag=True, help="Read the code from stdin without a prompt.")
@click.option("--user", metavar="NAME", help=f"Whose file it is to be [default: {SERVICE_USER}, when run as root].")
@click.option(
    "--credential",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write systemd credentials into DIR instead, one file each, for LoadCredential=.",
)
@click.option("--encrypt", is_flag=True, help="With --credential: by systemd-creds, for LoadCredentialEncrypted=.")
def login(
    config: Path | None,
    app_key: str | None,
    user: str | None,
    credential: Path | None,
    *,
    code_from_stdin: bool,
    encrypt: bool,
) -> None:
    """Get a refresh token by a code that you fetch with any browser, and store it for the daemon.

    It is stored beside the configuration (config.login.yaml, mode 0600, the service's user's own) and goes
    before every token in there. A running daemon notices within seconds: no reload, no restart. Credentials
    of systemd are fixed when the service starts, so after --credential it has to be restarted.

    Exits with 69 when Dropbox can't be reached, 77 when the code is refused or the file may not be written.
    """
    if encrypt and credential is None:
        raise click.UsageError("--encrypt needs --credential DIR")
    settings = load_settings(config)
    key = app_key or (settings.dropbox.app_key.reveal() if settings.dropbox.app_key else None)
    if not key:
        raise stop.Stop("which app? Give --app-key KEY (Dropbox App Console), or set dropbox.app_key", stop.CONFIG)
    owner = _owner(user)
    target = credential or settings.login.path.parent
    _check_writable(target)
    token = _fetch(settings, key, code_from_stdin=code_from_stdin)
    try:
        if credential is None:
            store_login(settings.login.path, key, token, owner)
        else:
            _write_credentials(credential, (key, token), encrypt=encrypt)
    except OSError as error:
        raise stop.Stop(f"the log-in could not be stored: {error}; begin again", stop.NOPERM) from None
    _say_what_next(settings, credential, encrypt=encrypt)


def _owner(user: str | None) -> tuple[int, int] | None:
    try:
        found = pwd.getpwnam(user or SERVICE_USER)
    except KeyError:
        if user is None:
            return None
        raise click.UsageError(f"there is no user {user}") from None
    return (found.pw_uid, found.pw_gid) if user is not None or os.geteuid() == 0 else None


def _check_writable(folder: Path) -> None:
    """Before anybody opens a browser in vain."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise stop.Stop(f"{folder} is missing or may not be written: sudo huracan-spool auth login", stop.NOPERM)


def _fetch(settings: Settings, key: str, *, code_from_stdin: bool) -> str:
    log_to_stderr(settings)
    from huracan_spool.connecting import transport_options  # noqa: PLC0415
    from huracan_spool.stores.dropbox.login import invitation, redeem  # noqa: PLC0415 - the SDK takes long to load

    invited = invitation(key, settings.dropbox.authorize_url)
    click.echo(f"Open this page in any browser, on any machine, and allow access:\n\n  {invited.url}\n", err=True)
    code = sys.stdin.readline().strip() if code_from_stdin else click.prompt("Code", err=True).strip()
    if not code:
        raise stop.Stop("there was no code on stdin", stop.NOPERM)
    return _asked(redeem(transport_options(settings), invited, code))


def _write_credentials(folder: Path, values: tuple[str, str], *, encrypt: bool) -> None:
    for name, value in zip(CREDENTIALS, values, strict=True):
        write_secret(folder / name, _encrypted(name, value) if encrypt else value, None)


def _encrypted(name: str, value: str) -> str:
    command = ("systemd-creds", "encrypt", f"--name={name}", "-", "-")
    try:
        done = subprocess.run(command, input=value, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr.strip()[-300:] if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise OSError(f"systemd-creds encrypt (systemd 250 or later, as root): {said}") from error
    return done.stdout


def _say_what_next(settings: Settings, credential: Path | None, *, encrypt: bool) -> None:
    if credential is None:
        click.echo(f"logged in; stored in {settings.login.path}")
        click.echo("A running daemon notices within seconds. See: huracan-spool auth status", err=True)
        return
    click.echo(f"logged in; stored in {credential}")
    directive = "LoadCredentialEncrypted" if encrypt else "LoadCredential"
    lines = "\n".join(f"  {directive}={name}:{credential / name}" for name in CREDENTIALS)
    click.echo(
        f"The service needs this (systemctl edit huracan-spool), and then: systemctl restart huracan-spool\n"
        f"  [Service]\n{lines}",
        err=True,
    )
    if settings.login.stamp is not None:
        click.echo(f"Remove {settings.login.path}: it would go before the credentials.", err=True)


@auth.command()
@config_option
@json_option
def status(config: Path | None, *, as_json: bool) -> None:
    """Whose account the daemon uploads to, how full it is, what the token may do and how long it lasts.

    Exits with 69 when Dropbox can't be reached, 77 when it refuses the token, 78 without a log-in.
    """
    settings = load_settings(config, secrets_needed=True)
    if not settings.uses_dropbox:
        raise stop.Stop("not logged in: huracan-spool auth login", stop.CONFIG)
    log_to_stderr(settings)
    found = _asked(_look(settings))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(found)


async def _look(settings: Settings) -> dict[str, Any]:
    from huracan_spool.connecting import for_a_question  # noqa: PLC0415
    from huracan_spool.stores.dropbox import account  # noqa: PLC0415 - the SDK takes long to load

    kind = "refresh_token" if settings.dropbox.refresh_token else "access_token"
    async with for_a_question(settings) as api:
        scopes = await account.scopes_of(api)
        known = scopes["account_info.read"]
        who = await account.account_of(api) if known else None
        space = await account.space_of(api) if known else None
        return {
            "account": {"id": who.account_id, "name": who.name, "email": who.email} if who else None,
            "space": {"used": space.used, "allocated": space.allocated} if space else None,
            "token": {
                "kind": kind,
                "from": settings.public()["dropbox"][kind].origin,
                "access_expires_in_seconds": _rounded(api.token_good_for()),
            },
            "scopes": scopes,
        }


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _print(found: dict[str, Any]) -> None:
    who, space, token = found["account"], found["space"], found["token"]
    click.echo(
        f"account  {who['name']} <{who['email']}>" if who else "account  unknown: no scope account_info.read"
    )
    if space:
        allocated = f" of {space['allocated']:,}" if space["allocated"] is not None else ""
        click.echo(f"space    {space['used']:,}{allocated} bytes used")
    lasts = token["access_expires_in_seconds"]
    if token["kind"] == "refresh_token":
        click.echo(f"token    refresh token, lasts until it is revoked ({token['from']})")
        click.echo(f"         the present access token ends in {lasts} s and is renewed by itself")
    else:
        click.echo(f"token    access token ({token['from']}); most end after four hours: huracan-spool auth login")
    for scope, granted in found["scopes"].items():
        click.echo(f"scope    {scope}: {'yes' if granted else 'NO'}")


def _asked(question: Coroutine[Any, Any, T]) -> T:
    """The answer of Dropbox, or the command's end with what to do about having none."""
    from huracan_spool.errors import NeedsPerson, StoreError  # noqa: PLC0415 - with its caller

    try:
        return asyncio.run(question)
    except StoreError as error:
        code = stop.NOPERM if isinstance(error, NeedsPerson) else stop.UNAVAILABLE
        what_to_do = f"\n{error.hint}" if error.hint else ""
        raise stop.Stop(f"{error}{what_to_do}", code) from None
