"""Settings out of all their sources, or every problem in one go.

Who wins: the environment, then a stored log-in, the file, systemd's credentials, the default. For secrets the other
way round may look safer, but then a person who tries a token by `HURACAN_DROPBOX__ACCESS_TOKEN=…` would
not be using it, without a word. Values are judged after merging: an access token in the file and a refresh
token among the credentials are two kinds of token all the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan_spool.settings.login import StoredLogin, login_path, stamp_of
from huracan_spool.settings.model import KEYS, SECTIONS, STATE_DIR, Settings, Source
from huracan_spool.settings.problems import (
    ConfigurationError,
    ConfigurationNotPermitted,
    NotAccepted,
    Problem,
)
from huracan_spool.settings.sources import Found, Given, from_credentials, from_environment, from_file, from_login

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from huracan_spool.settings.model import Key

DEFAULT_CONFIG = Path("/etc/huracan-spool/config.yaml")

_DEFAULT = "default"


def load(
    config_path: Path | None,
    environ: Mapping[str, str],
    credentials_dir: Path | None = None,
    *,
    secrets_needed: bool = False,
) -> Settings:
    """Raises `ConfigurationNotPermitted` or `ConfigurationError`, either with every problem there is.

    A stored log-in that this user may not read is a problem where `secrets_needed`; to others its being there
    is enough.

    Without a `config_path` the default file is read if it is there; without a `credentials_dir`,
    `$CREDENTIALS_DIRECTORY` of `environ` is.
    """
    if credentials_dir is None and environ.get("CREDENTIALS_DIRECTORY"):
        credentials_dir = Path(environ["CREDENTIALS_DIRECTORY"])
    credentials = from_credentials(credentials_dir)
    file = from_file(config_path or DEFAULT_CONFIG, required=config_path is not None)
    environment = from_environment(environ)
    stored, login = _stored_login(config_path or DEFAULT_CONFIG, secrets_needed=secrets_needed)
    problems = [*file.problems, *credentials.problems, *login.problems]
    if login.values or not stored.readable:
        _give_precedence(environment, stored, login, file, credentials)
    given = {
        **_defaults(environ),
        **credentials.values,
        **file.values,
        **login.values,
        **environment.values,
    }
    values = _parse(given, problems)
    problems += _contradictions(values, given)
    if file.forbidden or login.forbidden:
        raise ConfigurationNotPermitted(problems)
    if problems:
        raise ConfigurationError(problems)
    return _build(values, given, (*environment.warnings, *login.warnings), stored)


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """The service's, as systemd names it, else the user's own."""
    # StateDirectory= may name several; ours is the first.
    if service := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(service)
    base = environ.get("XDG_STATE_HOME", "")
    # "All paths must be absolute; a relative one is to be ignored": the XDG specification.
    home = Path(base) if base.startswith("/") else Path(environ.get("HOME", "")) / ".local/state"
    return home / "huracan-spool"


def _stored_login(config: Path, *, secrets_needed: bool) -> tuple[StoredLogin, Found]:
    path = login_path(config)
    stamp = stamp_of(path)  # before it is read: one that is replaced meanwhile has another stamp
    found = from_login(path)
    unreadable = found.forbidden and not found.values
    if unreadable and not secrets_needed:
        return StoredLogin(path, stamp, readable=False), Found()
    return StoredLogin(path, stamp), found


def _give_precedence(
    environment: Found, stored: StoredLogin, login: Found, file: Found, credentials: Found
) -> None:
    """Who we are comes from one source as a whole: a key of one app and a token of another are of no use."""
    tokens = ("dropbox.access_token", "dropbox.refresh_token")
    if any(path in environment.values for path in tokens):
        login.values.clear()
        return
    for path in tokens:
        if path in file.values:
            origin = file.values[path].origin
            login.warnings.append(f"{path} ({origin}) is not used: the log-in in {stored.path} goes before it")
    for key in KEYS:
        if key.is_secret:
            file.values.pop(key.path, None)
            credentials.values.pop(key.path, None)


def _defaults(environ: Mapping[str, str]) -> dict[str, Given]:
    texts = {key.path: key.default for key in KEYS if key.default is not None}
    return {
        "state_dir": Given(str(default_state_dir(environ)), _DEFAULT),
        **{path: Given(text, _DEFAULT) for path, text in texts.items()},
    }


def _parse(given: Mapping[str, Given], problems: list[Problem]) -> dict[str, Any]:
    """None for what nobody gave; nothing at all for what could not be read, which is in `problems`."""
    values: dict[str, Any] = {}
    for key in KEYS:
        try:
            values[key.path] = key.parse(_expanded(key, given)) if key.path in given else None
        except NotAccepted as error:
            problems.append(_problem(key, given[key.path], error.expected))
    return values


def _expanded(key: Key, given: Mapping[str, Given]) -> str:
    text = given[key.path].text
    return text.replace(STATE_DIR, given["state_dir"].text) if key.path == "archive.path" else text


def _problem(key: Key, given: Given, expected: str) -> Problem:
    # A URL may hold a password, and whatever is in a secret's place may be one.
    hidden = key.is_secret or "@" in given.text
    found = "" if hidden else f", not {json.dumps(given.text[:60])}"
    return Problem(key.path, f"expected {expected}{found}", given.origin)


def _contradictions(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[Problem]:
    def problem(path: str, reason: str) -> Problem:
        return Problem(path, reason, given[path].origin)

    has = {path for path, value in values.items() if value is not None}
    if {"dropbox.access_token", "dropbox.refresh_token"} <= has:
        other = given["dropbox.refresh_token"].origin
        yield problem(
            "dropbox.access_token",
            f"expected one kind of token, but there is dropbox.refresh_token too ({other})",
        )
    for path in ("dropbox.refresh_token", "dropbox.app_secret"):
        if path in has and "dropbox.app_key" not in given:
            yield problem(path, "expected dropbox.app_key beside it")
    for first, most in (("retry.call_first", "retry.call_max"), ("retry.run_first", "retry.run_max")):
        if {first, most} <= has and values[first] > values[most]:
            yield problem(most, f"expected no less than {first}, which is {given[first].text}")


def _build(
    values: Mapping[str, Any], given: Mapping[str, Given], warnings: tuple[str, ...], login: StoredLogin
) -> Settings:
    sections = {
        section: model(**{key.name: values[key.path] for key in KEYS if key.section == section})
        for section, model in SECTIONS.items()
    }
    sources = {key.path: _source(key, given.get(key.path), values[key.path]) for key in KEYS}
    return Settings(**sections, state_dir=values["state_dir"], warnings=warnings, sources=sources, login=login)


def _source(key: Key, given: Given | None, value: object) -> Source:
    return Source(key.shown(given.text, value), given.origin) if given else Source(None, _DEFAULT)
