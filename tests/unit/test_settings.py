"""Settings: what counts as a value, who wins, and every problem in one go."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from copy import deepcopy
from dataclasses import asdict
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies

from huracan_spool.settings import (
    KEYS,
    ConfigurationError,
    ConfigurationNotPermitted,
    Secret,
    TcpAddress,
    TimeAllowance,
    load,
)
from huracan_spool.settings.load import default_state_dir
from huracan_spool.settings.names import app_folder
from huracan_spool.settings.problems import NotAccepted
from huracan_spool.settings.sources import from_file

if TYPE_CHECKING:
    from huracan_spool.settings import Settings

HOME = {"HOME": "/home/ops"}
TOKEN = "sl.u.AbC-123_xyz"


class Configured:
    """A configuration file and an environment, loaded on demand."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.yaml"
        self.credentials = folder / "credentials"
        self.credentials.mkdir()
        self.write("")

    def write(self, text: str, mode: int = 0o640) -> None:
        self.path.write_text(text)
        self.path.chmod(mode)

    def credential(self, name: str, text: str) -> None:
        (self.credentials / name).write_text(text)

    def load(self, **environ: str) -> Settings:
        return load(self.path, {**HOME, **environ}, self.credentials)

    def value(self, path: str, text: str) -> Any:
        """What `text` in the file means for the setting."""
        section, _, name = path.rpartition(".")
        self.write(f"{section}:\n  {name}: {text}\n" if section else f"{name}: {text}\n")
        loaded = self.load()
        return getattr(getattr(loaded, section) if section else loaded, name)

    def problems(self, **environ: str) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            self.load(**environ)
        return [str(problem).replace(str(self.path), "FILE") for problem in raised.value.problems]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    return Configured(tmp_path)


def test_an_empty_file_gives_the_defaults_of_the_contract(configured: Configured) -> None:
    loaded = asdict(configured.load())
    unlimited = {"steps": ((time(0, 0), None),)}
    assert {name: loaded[name] for name in ("spool", "archive", "upload", "retry", "http", "log", "state_dir")} == {
        "spool": {
            "path": Path("/tmp/huracan-spool"),
            "rescan_interval": 30.0,
            "settle": 2.0,
            "keep_models": 3,
            "receipts_keep": 604800.0,
            "inspection": "strict",
            "inspection_timeout": {"base": 60.0, "per_gib": 10.0},
            "allowed_uids": None,
        },
        "archive": {"path": Path("/home/ops/.local/state/huracan-spool/archive")},
        "upload": {
            "workers": 8,
            "connections": 12,
            "chunk_size": 16 * 1024**2,
            "bandwidth_limit": unlimited,
            "calls_per_second": 10.0,
            "drain_timeout": 10.0,
        },
        "retry": {"call_first": 0.5, "call_max": 60.0, "run_first": 5.0, "run_max": 900.0, "give_up": None},
        "http": {"listen": {"host": "127.0.0.1", "port": 9478}},
        "log": {"format": "text", "level": "info"},
        "state_dir": Path("/home/ops/.local/state/huracan-spool"),
    }
    assert loaded["dropbox"] == {
        "access_token": None,
        "refresh_token": None,
        "app_key": None,
        "app_secret": None,
        "app_folder": "Huracan",
        "api_url": "https://api.dropboxapi.com",
        "content_url": "https://content.dropboxapi.com",
        "oauth_url": "https://api.dropboxapi.com",
        "authorize_url": "https://www.dropbox.com/oauth2/authorize",
        "ca_file": None,
    }


def test_the_two_keys_that_the_pipeline_documents_work_alone(configured: Configured) -> None:
    configured.write(f'dropbox:\n  access_token: "{TOKEN}"\n  app_folder: "Huracan"\n')
    loaded = configured.load()
    assert loaded.uses_dropbox
    assert loaded.dropbox.access_token == Secret(TOKEN)
    assert loaded.dropbox.app_folder == "Huracan"


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("spool.path", "/srv/spool/", Path("/srv/spool")),
        ("spool.rescan_interval", "90", 90.0),
        ("spool.rescan_interval", "1.5m", 90.0),
        ("spool.rescan_interval", "0.2s", 0.2),
        ("spool.rescan_interval", "2 h", 7200.0),
        ("spool.receipts_keep", "14d", 14 * 86400.0),
        ("spool.settle", "0", 0.0),
        ("spool.inspection", "off", "off"),
        ("spool.inspection", "false", "off"),
        ("spool.inspection", "warn", "warn"),
        ("spool.inspection_timeout", "90s", TimeAllowance(90.0, 0.0)),
        ("spool.inspection_timeout", "2m + 5s per GiB", TimeAllowance(120.0, 5.0)),
        ("spool.inspection_timeout", "60+10 per GiB", TimeAllowance(60.0, 10.0)),
        ("spool.allowed_uids", "[1000, 1001]", frozenset({1000, 1001})),
        ("spool.allowed_uids", "0", frozenset({0})),
        ("spool.allowed_uids", "1000, 1001", frozenset({1000, 1001})),
        ("dropbox.app_folder", "/Work/Huracan/", "Work/Huracan"),
        ("dropbox.app_folder", '"/"', ""),
        ("dropbox.app_folder", '""', ""),
        ("dropbox.app_folder", "2025", "2025"),
        ("dropbox.api_url", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("dropbox.api_url", "http://[::1]:8080", "http://[::1]:8080"),
        ("dropbox.api_url", "http://localhost:1", "http://localhost:1"),
        ("dropbox.authorize_url", "http://127.0.0.1:80", "http://127.0.0.1:80/oauth2/authorize"),
        ("dropbox.ca_file", "/etc/ssl/proxy.pem", Path("/etc/ssl/proxy.pem")),
        ("archive.path", "/data/archive", Path("/data/archive")),
        ("upload.chunk_size", "4MiB", 4 * 1024**2),
        ("upload.chunk_size", "128 MiB", 128 * 1024**2),
        ("upload.chunk_size", "8388608", 8 * 1024**2),
        ("upload.chunk_size", "0.0625GiB", 64 * 1024**2),
        ("upload.calls_per_second", "2.5", 2.5),
        ("upload.drain_timeout", "0s", 0.0),
        ("retry.give_up", "12h", 43200.0),
        ("retry.give_up", "never", None),
        ("http.listen", "off", None),
        ("http.listen", "no", None),
        ("http.listen", "127.0.0.1:0", TcpAddress("127.0.0.1", 0)),
        ("http.listen", '"[::1]:9478"', TcpAddress("::1", 9478)),
        ("http.listen", "localhost:9478", TcpAddress("localhost", 9478)),
        ("http.listen", "/run/huracan-spool/http.sock", Path("/run/huracan-spool/http.sock")),
        ("log.format", "json", "json"),
        ("state_dir", "/var/lib/elsewhere", Path("/var/lib/elsewhere")),
        ("spool.keep_models", "", 3),
        ("spool.keep_models", "~", 3),
    ],
)
def test_a_text_has_this_meaning(configured: Configured, path: str, text: str, value: object) -> None:
    assert configured.value(path, text) == value


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("spool.path", "spool"),
        ("spool.rescan_interval", "0"),
        ("spool.rescan_interval", "-5s"),
        ("spool.rescan_interval", "5 minutes"),
        ("spool.rescan_interval", "1e3"),
        ("spool.rescan_interval", "11y"),
        ("spool.rescan_interval", "4000d"),
        ("spool.rescan_interval", "٣s"),
        ("spool.rescan_interval", "[30s]"),
        ("spool.keep_models", "-1"),
        ("spool.keep_models", "2.5"),
        ("spool.inspection", "lax"),
        ("spool.inspection_timeout", "60s + 10s"),
        ("spool.inspection_timeout", "60s +"),
        ("spool.inspection_timeout", "60s + 10s per GB"),
        ("spool.inspection_timeout", "60s + 10s per GiB per GiB"),
        ("spool.allowed_uids", "[]"),
        ("spool.allowed_uids", "[root]"),
        ("spool.allowed_uids", "4294967295"),
        ("spool.allowed_uids", "[[1]]"),
        ("dropbox.app_folder", "../Huracan"),
        ("dropbox.app_folder", "A/./B"),
        ("dropbox.app_folder", "A\\B"),
        ("dropbox.app_folder", '"A /B"'),
        ("dropbox.app_folder", "A."),
        ("dropbox.app_folder", '"A\\nB"'),
        ("dropbox.app_folder", "🚀"),
        ("dropbox.app_folder", "x" * 256),
        ("dropbox.app_folder", ".dropbox"),
        ("dropbox.api_url", "http://api.dropboxapi.com"),
        ("dropbox.api_url", "https://api.dropboxapi.com/2"),
        ("dropbox.api_url", "https://me:pw@proxy"),
        ("dropbox.api_url", "https://host?x=1"),
        ("dropbox.api_url", "https://host:99999"),
        ("dropbox.api_url", "https://"),
        ("dropbox.api_url", "api.dropboxapi.com"),
        ("dropbox.api_url", "http://127.0.0.1.example.com"),
        ("upload.workers", "0"),
        ("upload.workers", "65"),
        ("upload.chunk_size", "16MB"),
        ("upload.chunk_size", "6MiB"),
        ("upload.chunk_size", "132MiB"),
        ("upload.chunk_size", "0"),
        ("upload.chunk_size", "16Mib"),
        ("upload.bandwidth_limit", "0"),
        ("upload.bandwidth_limit", "08:00,10MiB 08:00,off"),
        ("upload.bandwidth_limit", "25:00,10MiB"),
        ("upload.bandwidth_limit", "08:00, 10MiB"),
        ("upload.calls_per_second", "0"),
        ("upload.calls_per_second", "inf"),
        ("retry.give_up", "0"),
        ("http.listen", "0.0.0.0:9478"),
        ("http.listen", "192.168.0.1:9478"),
        ("http.listen", "9478"),
        ("http.listen", "127.0.0.1:65536"),
        ("http.listen", "/run/" + "x" * 120),
        ("log.format", "logfmt"),
        ("log.level", "chatty"),
        ("state_dir", "{}"),
    ],
)
def test_a_text_is_turned_down_with_its_path_and_line(configured: Configured, path: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        configured.value(path, text)
    (problem,) = raised.value.problems
    assert problem.path == path
    assert problem.reason.startswith("expected ")
    assert problem.where == f"{configured.path}:{2 if '.' in path else 1}"


def test_a_limit_may_change_with_the_time_of_day(configured: Configured) -> None:
    limit = configured.value("upload.bandwidth_limit", "08:00,10MiB 19:00,off 12:30,500kB/s")
    hours = [time(0, 0), time(7, 59), time(8, 0), time(12, 30), time(18, 59), time(19, 0)]
    assert [limit.rate_at(hour) for hour in hours] == [None, None, 10 * 1024**2, 500_000, 500_000, None]


def test_a_timetable_may_be_a_list_and_a_rate_stands_alone(configured: Configured) -> None:
    as_text = configured.value("upload.bandwidth_limit", "08:00,10MiB 19:00,off")
    assert configured.value("upload.bandwidth_limit", '["08:00,10MiB", "19:00,off"]') == as_text
    assert configured.value("upload.bandwidth_limit", "10MiB").rate_at(time(3, 0)) == 10 * 1024**2
    assert configured.value("upload.bandwidth_limit", "false").rate_at(time(3, 0)) is None


def test_an_inspection_gets_time_by_size(configured: Configured) -> None:
    allowance = configured.load().spool.inspection_timeout
    assert [allowance.seconds_for(size) for size in (0, 1024**3, 5 * 1024**3)] == [60.0, 70.0, 110.0]


def test_every_problem_is_told_at_once(configured: Configured) -> None:
    configured.write(
        "spool:\n  pth: /tmp/x\n  settle: soon\nuploads:\n  workers: 3\nhttp: off\napp_folder: Huracan\n"
        "dropbox:\n  app_folder: A\n  app_folder: B\n  access_token: YOUR_DROPBOX_ACCESS_TOKEN\n"
    )
    in_spool = ", ".join(key.name for key in KEYS if key.section == "spool")
    variable = "environment HURACAN_UPLOAD__WORKERS"
    on_top = "state_dir, spool, dropbox, archive, upload, retry, http, log"
    placeholder = "a real value instead of the placeholder, or no such line (runs then stay in the local archive)"
    assert configured.problems(HURACAN_UPLOAD__WORKERS="many") == [
        f"spool.pth: expected one of {in_spool} (did you mean path?) (FILE:2)",
        f"uploads: expected one of {on_top} (did you mean upload?) (FILE:4)",
        "http: expected keys below it: listen (FILE:6)",
        f"app_folder: expected one of {on_top} (did you mean dropbox.app_folder?) (FILE:7)",
        "dropbox.app_folder: expected once, is there again (FILE:10)",
        'spool.settle: expected a duration such as 0, 30s, 15m, 2h or 7d, not "soon" (FILE:3)',
        f"dropbox.access_token: expected {placeholder} (FILE:11)",
        f'upload.workers: expected a whole number from 1 to 64, not "many" ({variable})',
    ]


def test_both_kinds_of_token_are_a_problem_wherever_they_come_from(configured: Configured) -> None:
    configured.write(f"dropbox:\n  access_token: {TOKEN}\n")
    configured.credential("dropbox_refresh_token", "refresh\n")
    configured.credential("dropbox_app_key", "key\n")
    (problem,) = configured.problems()
    assert problem == (
        "dropbox.access_token: expected one kind of token, but there is dropbox.refresh_token too "
        "(credential dropbox_refresh_token) (FILE:2)"
    )


@pytest.mark.parametrize("name", ["refresh_token", "app_secret"])
def test_a_refresh_token_or_app_secret_needs_the_app_key(configured: Configured, name: str) -> None:
    configured.write(f"dropbox:\n  {name}: something\n")
    assert configured.problems() == [f"dropbox.{name}: expected dropbox.app_key beside it (FILE:2)"]


def test_a_longest_wait_below_the_first_is_a_problem(configured: Configured) -> None:
    configured.write("retry:\n  run_first: 1h\n")
    assert configured.problems() == ["retry.run_max: expected no less than retry.run_first, which is 1h (default)"]


def test_an_app_key_alone_is_no_credential_yet(configured: Configured) -> None:
    """It is what `auth login` starts from."""
    configured.write("dropbox:\n  app_key: abc\n")
    assert not configured.load().uses_dropbox


@pytest.mark.parametrize("token", ['"a b"', '"a\\nb"', '"Bearer x"', '"tökén"'])
def test_a_damaged_token_is_a_problem_that_does_not_quote_it(configured: Configured, token: str) -> None:
    configured.write(f"dropbox:\n  access_token: {token}\n")
    assert configured.problems() == [
        "dropbox.access_token: expected one word of plain ASCII characters, without blanks (FILE:2)"
    ]


def test_the_environment_wins_over_the_file_and_the_file_over_credentials(configured: Configured) -> None:
    def token() -> str:
        found = configured.load(**environ).dropbox.access_token
        return found.reveal() if found else "none"

    environ = {"HURACAN_DROPBOX__ACCESS_TOKEN": ""}
    seen = [token()]
    configured.credential("dropbox_access_token", "from-credential\n")
    seen.append(token())
    configured.write("dropbox:\n  access_token: from-file\n")
    seen.append(token())
    environ = {"HURACAN_DROPBOX__ACCESS_TOKEN": "from-environment"}
    seen.append(token())
    assert seen == ["none", "from-credential", "from-file", "from-environment"]


def test_credentials_are_found_by_the_variable_of_systemd(configured: Configured) -> None:
    configured.credential("dropbox_access_token", TOKEN)
    loaded = load(configured.path, {**HOME, "CREDENTIALS_DIRECTORY": str(configured.credentials)})
    assert loaded.dropbox.access_token == Secret(TOKEN)


def test_an_unreadable_credential_is_a_problem(configured: Configured) -> None:
    (configured.credentials / "dropbox_app_key").write_bytes(b"\xff\xfe")
    (configured.credentials / "dropbox_app_secret").mkdir()
    assert configured.problems() == [
        "dropbox.app_key: expected a readable text file: not in UTF-8 (credential dropbox_app_key)",
        "dropbox.app_secret: expected a readable text file: is a directory (credential dropbox_app_secret)",
    ]


@pytest.mark.parametrize("text", ["[1000, 1001]", "[1000,1001]", "1000,1001", "1000 1001"])
def test_a_list_in_the_environment_may_look_as_it_does_in_a_file(configured: Configured, text: str) -> None:
    """It is what the hint says that was expected."""
    assert configured.load(HURACAN_SPOOL__ALLOWED_UIDS=text).spool.allowed_uids == {1000, 1001}


@pytest.mark.parametrize("text", ["[1000", "1000]", "[]", "[[1000]]"])
def test_half_a_list_is_none(configured: Configured, text: str) -> None:
    with pytest.raises(ConfigurationError, match="a list of numeric user ids"):
        configured.load(HURACAN_SPOOL__ALLOWED_UIDS=text)


def test_every_key_has_its_variable(configured: Configured) -> None:
    changed = configured.load(
        HURACAN_SPOOL__PATH="/srv/spool",
        HURACAN_UPLOAD__CALLS_PER_SECOND="3",
        HURACAN_SPOOL__ALLOWED_UIDS="1000 1001",
        HURACAN_UPLOAD__BANDWIDTH_LIMIT="1MiB",
        HURACAN_HTTP__LISTEN="off",
        HURACAN_STATE_DIR="/srv/state",
    )
    assert changed.spool.path == Path("/srv/spool")
    assert changed.upload.calls_per_second == 3.0
    assert changed.spool.allowed_uids == {1000, 1001}
    assert changed.http.listen is None
    assert changed.archive.path == Path("/srv/state/archive")
    assert {key.variable for key in KEYS} >= {"HURACAN_DROPBOX__ACCESS_TOKEN", "HURACAN_RETRY__GIVE_UP"}


def test_unknown_variables_are_warnings(configured: Configured) -> None:
    loaded = configured.load(HURACAN_SPOOL__PTH="/x", HURACAN_TYPO="1", HURACAN_SPOOL_DISABLED="1", OTHER="1")
    assert loaded.warnings == (
        "HURACAN_SPOOL__PTH in the environment is no setting (did you mean HURACAN_SPOOL__PATH?)",
        "HURACAN_TYPO in the environment is no setting",
    )


@pytest.mark.parametrize("mode", [0o644, 0o642, 0o641])
def test_a_file_with_a_secret_must_be_closed_to_others(configured: Configured, mode: int) -> None:
    configured.write(f"dropbox:\n  access_token: {TOKEN}\nspool:\n  settle: soon\n", mode)
    with pytest.raises(ConfigurationNotPermitted) as raised:
        configured.load()
    assert [str(each).replace(str(configured.path), "FILE") for each in raised.value.problems] == [
        f"FILE: holds a secret and is open to others (mode 0{mode:o}): chmod o-rwx FILE (file)",
        'spool.settle: expected a duration such as 0, 30s, 15m, 2h or 7d, not "soon" (FILE:4)',
    ]


def test_a_secret_elsewhere_leaves_the_file_free(configured: Configured) -> None:
    configured.write("dropbox:\n  app_folder: Work\n", 0o644)
    assert configured.load(HURACAN_DROPBOX__ACCESS_TOKEN=TOKEN).uses_dropbox


def test_a_placeholder_is_no_secret_to_protect(configured: Configured) -> None:
    configured.write("dropbox:\n  access_token: YOUR_DROPBOX_ACCESS_TOKEN\n", 0o644)
    with pytest.raises(ConfigurationError) as raised:
        configured.load()
    assert not isinstance(raised.value, ConfigurationNotPermitted)


def test_only_the_default_file_may_be_missing(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    with pytest.raises(ConfigurationError, match="expected a readable file: no such file or directory"):
        load(missing, HOME)
    assert from_file(missing, required=False).problems == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"dropbox: [", "expected YAML: "),
        (b"- a\n- b\n", "expected sections such as `dropbox:`"),
        (b"sl.token", "expected sections such as `dropbox:`"),
        (b"\xff\xfe\xfa", "expected YAML: not in UTF-8"),
        (b"a: \x00", "expected YAML: a character that YAML does not allow"),
        (b"a: " + b"[" * 5000, "expected YAML: nested too deep"),
        (b"a: 1\n---\nb: 2\n", "expected YAML: but found another document in line 2, column 1"),
        (b"#" * (1024**2 + 1), "expected at most 1 MiB of YAML"),
    ],
)
def test_a_file_that_is_no_configuration(configured: Configured, content: bytes, reason: str) -> None:
    configured.path.write_bytes(content)
    (problem,) = configured.problems()
    assert problem.startswith(f"FILE: {reason}")


def test_no_message_quotes_a_line_with_a_token(configured: Configured) -> None:
    """PyYAML's own messages quote the file."""
    for text in (
        f'dropbox:\n  access_token: "{TOKEN}\n',
        f"dropbox:\n  access_token {TOKEN}\n  app_folder: X\n",
        f"dropbox:\n  access_token: {TOKEN}: x\n",
        f"dropbox: {TOKEN}\n",
        f"dropbox:\n  access_token: [{TOKEN}]\n",
        f"dropbox:\n  access_token: {TOKEN}\n  access_token: {TOKEN}\n",
        f"dropbox:\n  api_url: https://{TOKEN}@host\n",
        f"dropbox:\n  refresh_token: {TOKEN}\n",
    ):
        configured.write(text)
        assert TOKEN not in "".join(configured.problems())


@given(content=strategies.binary(max_size=200) | strategies.text(max_size=200).map(str.encode))
def test_any_bytes_are_settings_or_problems(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "config.yaml"
    path.write_bytes(content)
    with suppress(ConfigurationError):
        load(path, HOME)


@given(strategies.text(max_size=40))
def test_an_app_folder_is_normalised_once_and_for_all(text: str) -> None:
    try:
        folder = app_folder(text)
    except NotAccepted:
        return
    assert app_folder(f"/{folder}/") == folder
    assert not {"", ".", ".."} & set(folder.split("/")) or folder == ""


@pytest.mark.parametrize(
    ("environ", "state_dir"),
    [
        ({"STATE_DIRECTORY": "/var/lib/huracan-spool", "HOME": "/nowhere"}, "/var/lib/huracan-spool"),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/data/state", "HOME": "/home/ops"}, "/data/state/huracan-spool"),
        ({"XDG_STATE_HOME": "state", "HOME": "/home/ops"}, "/home/ops/.local/state/huracan-spool"),
    ],
)
def test_the_state_directory_is_systemds_or_the_users(environ: dict[str, str], state_dir: str) -> None:
    assert default_state_dir(environ) == Path(state_dir)


def test_a_secret_shows_nowhere(configured: Configured) -> None:
    configured.write(f"dropbox:\n  access_token: {TOKEN}\n  app_key: {TOKEN}-key\n")
    loaded = configured.load()
    secret = loaded.dropbox.access_token
    for text in (
        f"{secret}",
        f"{secret!r}",
        f"{secret:>10}",
        repr(loaded),
        str(asdict(loaded)),
        str(loaded.public()),
    ):
        assert TOKEN not in text
        assert "***" in text
    assert [each.reveal() for each in loaded.secrets()] == [TOKEN, f"{TOKEN}-key"]


def test_a_secret_is_equal_to_the_same_secret() -> None:
    """A reload compares settings."""
    assert Secret("a") == deepcopy(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_what_is_printed_says_where_it_came_from(configured: Configured) -> None:
    configured.write(f"dropbox:\n  access_token: {TOKEN}\n  app_folder: /Work/\n")
    public = configured.load(HURACAN_UPLOAD__WORKERS="4").public()
    seen = [public["dropbox"]["access_token"], public["dropbox"]["app_folder"], public["dropbox"]["app_key"]]
    seen += [public["upload"]["workers"], public["upload"]["chunk_size"]]
    assert [(source.text, source.origin) for source in seen] == [
        ("***", f"{configured.path}:2"),
        ("Work", f"{configured.path}:3"),
        (None, "default"),
        ("4", "environment HURACAN_UPLOAD__WORKERS"),
        ("16MiB", "default"),
    ]


def test_settings_that_differ_only_in_their_origin_are_equal(configured: Configured) -> None:
    before = configured.load()
    configured.write("upload:\n  workers: 8\n")
    assert configured.load() == before


def test_importing_settings_loads_no_heavy_library() -> None:
    code = "import sys, huracan_spool.settings; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"dropbox", "aiohttp", "asyncio", "polars", "pyarrow", "pydantic", "structlog"} & set(loaded)
