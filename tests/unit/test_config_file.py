"""The configuration that is shipped: valid as it stands, complete, and true about the defaults."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from huracan_spool.cli.check_config import check_config
from huracan_spool.settings import KEYS, load

SHIPPED = Path(__file__).parents[2] / "config" / "config.yaml"

HOME = {"HOME": "/home/ops"}

# A commented default: "# key: value" at the indentation that it has once the "# " is gone.
COMMENTED = re.compile(r"^( *)# ([a-z_]+:(?: \S.*)?)$", re.MULTILINE)


def uncommented() -> str:
    return COMMENTED.sub(r"\1\2", SHIPPED.read_text())


def test_the_shipped_file_is_valid_and_means_the_defaults(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.touch()
    shipped = load(SHIPPED, HOME)
    assert shipped == load(empty, HOME)
    assert (shipped.uses_dropbox, shipped.warnings) == (False, ())


def test_the_shipped_file_shows_every_key_with_its_default() -> None:
    shown = yaml.load(uncommented(), Loader=yaml.BaseLoader)
    texts = {key.path: (shown[key.section] if key.section else shown)[key.name] for key in KEYS}
    special = {"state_dir": "/var/lib/huracan-spool"}
    placeholders = {key.path: f"YOUR_{key.path.replace('.', '_').upper()}" for key in KEYS if key.is_secret}
    assert texts == {key.path: key.default or "" for key in KEYS} | special | placeholders


def test_the_shipped_file_shows_nothing_else() -> None:
    shown = yaml.load(uncommented(), Loader=yaml.BaseLoader)
    assert {
        f"{section}.{name}" if isinstance(keys, dict) else section
        for section, keys in shown.items()
        for name in (keys if isinstance(keys, dict) else [""])
    } == {key.path for key in KEYS}


def test_taking_the_comments_away_changes_nothing(tmp_path: Path) -> None:
    """But the secrets, which are placeholders, and the state directory, which is the service's."""
    path = tmp_path / "config.yaml"
    path.write_text(re.sub(r".*YOUR_DROPBOX_.*\n", "", uncommented()))
    assert load(path, HOME) == load(SHIPPED, {"STATE_DIRECTORY": "/var/lib/huracan-spool"})


def check(*arguments: str, **environ: str) -> tuple[int, str, str]:
    cleared = {key.variable: None for key in KEYS} | {"CREDENTIALS_DIRECTORY": None}
    result = CliRunner().invoke(check_config, arguments, env={**cleared, **HOME, **environ})
    return result.exit_code, result.stdout, result.stderr


def test_check_config_prints_what_the_daemon_would_use() -> None:
    code, out, err = check("--config", str(SHIPPED), HURACAN_DROPBOX__ACCESS_TOKEN="sl.secret", HURACAN_X="1")
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert code == 0
    assert lines["upload.chunk_size"] == ["16MiB", "default"]
    assert lines["dropbox.access_token"] == ["***", "environment", "HURACAN_DROPBOX__ACCESS_TOKEN"]
    assert lines["dropbox.app_key"] == ["(none)", "default"]
    assert set(lines) == {key.path for key in KEYS}
    assert err == "warning: HURACAN_X in the environment is no setting\n"


def test_check_config_says_when_runs_would_stay_here() -> None:
    _, _, err = check("--config", str(SHIPPED))
    assert err == "note: no Dropbox credentials here, so runs go to archive.path\n"


def test_check_config_as_json() -> None:
    code, out, _ = check("--json", "--config", str(SHIPPED), HURACAN_DROPBOX__ACCESS_TOKEN="sl.secret")
    answer = json.loads(out)
    assert (code, answer["ok"], answer["store"], answer["warnings"]) == (0, True, "dropbox", [])
    assert answer["settings"]["spool"]["settle"] == {"text": "2s", "origin": "default"}
    assert answer["settings"]["state_dir"]["text"] == "/home/ops/.local/state/huracan-spool"
    assert "sl.secret" not in out


@pytest.mark.parametrize(
    ("text", "mode", "code"),
    [
        ("spool:\n  settle: soon\n  pth: x\n", 0o644, 78),
        ("dropbox:\n  access_token: abc\nhttp:\n  listen: 0.0.0.0:80\n", 0o644, 77),
    ],
)
def test_check_config_prints_every_problem_on_a_line(tmp_path: Path, text: str, mode: int, code: int) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(mode)
    exit_code, out, err = check("--config", str(path))
    assert (exit_code, out, len(err.splitlines())) == (code, "", 2)
    exit_code, out, err = check("--json", "--config", str(path))
    answer = json.loads(out)
    assert (exit_code, err, answer["ok"], len(answer["problems"])) == (code, "", False, 2)
