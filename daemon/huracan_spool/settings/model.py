"""Every setting: its type, how its text is read, its default, one line of help.

The only place with default values. A default is written as a person would write it and goes through the
same parser. Durations are seconds, sizes bytes, rates bytes per second. From `KEYS` follow the names in the
environment and of the credentials, the texts of problems, and the test that keeps config/config.yaml
complete.
"""

# ruff: noqa: RUF009  `_key` is `dataclasses.field` with a type
from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from huracan_spool.settings import names, quantities
from huracan_spool.settings.login import StoredLogin
from huracan_spool.settings.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from huracan_spool.settings.names import TcpAddress
    from huracan_spool.settings.quantities import TimeAllowance, Timetable

T = TypeVar("T")

STATE_DIR = "{state_dir}"


def _key(parse: Callable[[str], T], default: str | None, says: str, *, many: bool = False) -> T:
    """Typed as what the parser returns, so that mypy holds the field's annotation against it."""
    value: T = field(metadata={"parse": parse, "default": default, "says": says, "many": many})
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    path: Path = _key(names.absolute_path, "/tmp/huracan-spool", "the spool directory")  # noqa: S108
    rescan_interval: float = _key(quantities.duration, "30s", "how often the whole spool is read again")
    settle: float = _key(quantities.duration_or_zero, "2s", "how long an incomplete run may stay unchanged")
    keep_models: int = _key(quantities.whole(0, 10_000), "3", "models kept on this host, per symbol")
    receipts_keep: float = _key(quantities.duration, "7d", "how long receipts are kept")
    inspection: str = _key(names.choice("strict", "warn", "off"), "strict", "what a broken artifact leads to")
    inspection_timeout: TimeAllowance = _key(
        quantities.time_allowance, "60s + 10s per GiB", "how long looking at one run may take"
    )
    allowed_uids: frozenset[int] | None = _key(
        names.allowed_uids, "any", "whose runs are taken: any, or a list of user ids", many=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropbox:
    access_token: Secret | None = _key(names.secret, None, "a token as it is; most end after four hours")
    refresh_token: Secret | None = _key(names.secret, None, "what new access tokens are fetched with")
    app_key: Secret | None = _key(names.secret, None, "the app that the refresh token belongs to")
    app_secret: Secret | None = _key(names.secret, None, "only for an app that does without PKCE")
    app_folder: str = _key(names.app_folder, "Huracan", "the folder that everything goes under")
    api_url: str = _key(names.base_url, "https://api.dropboxapi.com", "where calls go")
    content_url: str = _key(names.base_url, "https://content.dropboxapi.com", "where bytes go")
    oauth_url: str = _key(names.base_url, "https://api.dropboxapi.com", "where tokens come from")
    authorize_url: str = _key(
        names.page_url,
        f"https://www.dropbox.com{names.AUTHORIZE_PATH}",
        "the page where a person grants access",
    )
    ca_file: Path | None = _key(names.absolute_path, None, "trusted certificates, else the system's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    path: Path = _key(names.absolute_path, f"{STATE_DIR}/archive", "where runs go without Dropbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    workers: int = _key(quantities.whole(1, 64), "8", "runs read at a time")
    connections: int = _key(quantities.whole(1, 128), "12", "requests under way at a time")
    chunk_size: int = _key(quantities.chunk_size, "16MiB", "bytes of one request at most; fewer on a slow line")
    bandwidth_limit: Timetable = _key(
        quantities.timetable, "off", "bytes per second, by the time of day if need be", many=True
    )
    calls_per_second: float = _key(quantities.number_up_to(1000), "10", "all calls of all kinds")
    drain_timeout: float = _key(quantities.duration_or_zero, "10s", "how long a stopping daemon may go on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    call_first: float = _key(quantities.duration, "0.5s", "the first wait before a call is repeated")
    call_max: float = _key(quantities.duration, "60s", "the longest wait before a call is repeated")
    run_first: float = _key(quantities.duration, "5s", "the first wait before a run is tried again")
    run_max: float = _key(quantities.duration, "15m", "the longest wait before a run is tried again")
    give_up: float | None = _key(quantities.duration_or_never, "never", "when a waiting run is given up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    listen: TcpAddress | Path | None = _key(names.listen, "127.0.0.1:9478", "where status and metrics are served")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    format: str = _key(names.choice("text", "json"), "text", "how a line looks")
    level: str = _key(names.choice("debug", "info", "warning", "error"), "info", "the least that is logged")


@dataclass(frozen=True, slots=True)
class Source:
    """What a setting was given as, and by whom; a secret's text is not kept."""

    text: str | None
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    spool: Spool
    dropbox: Dropbox
    archive: Archive
    upload: Upload
    retry: Retry
    http: Http
    log: Log
    state_dir: Path = _key(names.absolute_path, None, "progress, history and kept models")
    warnings: tuple[str, ...] = field(default=(), compare=False)
    sources: Mapping[str, Source] = field(compare=False, repr=False)
    login: StoredLogin = field(compare=False)

    @property
    def uses_dropbox(self) -> bool:
        has_token = self.dropbox.access_token is not None or self.dropbox.refresh_token is not None
        return has_token or not self.login.readable

    def secrets(self) -> tuple[Secret, ...]:
        """What the log must hide."""
        values = (getattr(self.dropbox, key.name) for key in KEYS if key.is_secret)
        return tuple(value for value in values if value is not None)

    def public(self) -> dict[str, dict[str, Source]]:
        """For printing, by section and key, the top level's section being empty. Secrets are hidden."""
        shown: dict[str, dict[str, Source]] = {}
        for key in KEYS:
            shown.setdefault(key.section, {})[key.name] = self.sources[key.path]
        return shown


@dataclass(frozen=True, slots=True)
class Key:
    """One setting as the table has it; `section` is empty for the top level."""

    section: str
    name: str
    parse: Callable[[str], Any]
    default: str | None
    says: str
    many: bool

    @property
    def path(self) -> str:
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def variable(self) -> str:
        return f"HURACAN_{self.path.replace('.', '__').upper()}"

    @property
    def is_secret(self) -> bool:
        return self.parse is names.secret

    @property
    def credential(self) -> str:
        """The name among systemd's credentials; only secrets are looked for there."""
        return self.path.replace(".", "_")

    def shown(self, text: str, value: object) -> str:
        """Paths and words in their final form, quantities as they were written, secrets not at all."""
        if self.is_secret:
            return HIDDEN
        return str(value) if isinstance(value, str | Path) else text


SECTIONS: dict[str, type[Any]] = {
    "spool": Spool,
    "dropbox": Dropbox,
    "archive": Archive,
    "upload": Upload,
    "retry": Retry,
    "http": Http,
    "log": Log,
}


def _keys_of(section: str, model: type[Any]) -> tuple[Key, ...]:
    return tuple(Key(section, each.name, **each.metadata) for each in fields(model) if each.metadata)


KEYS: tuple[Key, ...] = (
    *_keys_of("", Settings),
    *(key for section, model in SECTIONS.items() for key in _keys_of(section, model)),
)
