"""The log-in that is stored beside the configuration: whole or not at all, and before every other token."""

from __future__ import annotations

from pathlib import Path

import pytest

from huracan_spool.settings import (
    ConfigurationError,
    ConfigurationNotPermitted,
    Settings,
    load,
    stamp_of,
    store_login,
)

HOME = {"HOME": "/home/nobody"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "spool.yaml"
    path.write_text('dropbox: {access_token: "old", app_secret: "its-app"}\n')
    path.chmod(0o600)
    return path


def stored_beside(config: Path) -> Path:
    path = config.with_name("spool.login.yaml")
    store_login(path, "key", 'new-"token"', None)
    return path


def revealed(settings: Settings) -> dict[str, str]:
    names = ("access_token", "refresh_token", "app_key", "app_secret")
    found = {name: getattr(settings.dropbox, name) for name in names}
    return {name: value.reveal() for name, value in found.items() if value is not None}


def test_it_takes_the_place_of_all_that_the_file_says_about_tokens(config: Path) -> None:
    path = stored_beside(config)
    settings = load(config, HOME)

    assert revealed(settings) == {"refresh_token": 'new-"token"', "app_key": "key"}
    assert settings.login.stamp == stamp_of(path)
    [warning] = settings.warnings
    assert "dropbox.access_token" in warning
    assert str(path) in warning


def test_a_token_in_the_environment_goes_before_it(config: Path) -> None:
    stored_beside(config)
    config.write_text("spool: {}\n")

    assert revealed(load(config, HOME | {"HURACAN_DROPBOX__ACCESS_TOKEN": "mine"})) == {"access_token": "mine"}


def test_it_goes_before_credentials(config: Path, tmp_path: Path) -> None:
    stored_beside(config)
    (tmp_path / "dropbox_refresh_token").write_text("other")
    (tmp_path / "dropbox_app_secret").write_text("other")

    assert revealed(load(config, HOME, tmp_path)) == {"refresh_token": 'new-"token"', "app_key": "key"}


def test_without_one_all_is_as_the_file_says(config: Path) -> None:
    config.write_text('dropbox: {access_token: "old"}\n')
    settings = load(config, HOME)

    assert (revealed(settings), settings.login.stamp) == ({"access_token": "old"}, None)


def test_one_that_others_can_read_is_refused(config: Path) -> None:
    stored_beside(config).chmod(0o644)

    with pytest.raises(ConfigurationNotPermitted, match="chmod o-rwx"):
        load(config, HOME)


def test_other_settings_have_no_place_in_it(config: Path) -> None:
    path = stored_beside(config)
    path.write_text('dropbox: {refresh_token: "r", app_key: "k", app_folder: "Other"}\n')

    with pytest.raises(ConfigurationError, match="not beside a log-in"):
        load(config, HOME)


def test_each_new_one_has_another_stamp_and_nothing_else_is_left(config: Path) -> None:
    path = stored_beside(config)
    first = stamp_of(path)
    stored_beside(config)

    assert stamp_of(path) != first
    assert {each.name for each in config.parent.iterdir()} == {"spool.yaml", "spool.login.yaml"}
    with pytest.raises(OSError, match="No such file"):
        store_login(config.parent / "nowhere" / "x.login.yaml", "key", "token", None)
