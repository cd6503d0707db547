"""What the daemon was told: YAML, environment and credentials in, frozen `Settings` out."""

from __future__ import annotations

from huracan_spool.settings.load import DEFAULT_CONFIG, load
from huracan_spool.settings.login import SERVICE_USER, StoredLogin, login_path, stamp_of, store_login, write_secret
from huracan_spool.settings.model import (
    KEYS,
    Archive,
    Dropbox,
    Http,
    Log,
    Retry,
    Settings,
    Source,
    Spool,
    Upload,
)
from huracan_spool.settings.names import TcpAddress
from huracan_spool.settings.problems import ConfigurationError, ConfigurationNotPermitted, Problem
from huracan_spool.settings.quantities import TimeAllowance, Timetable
from huracan_spool.settings.secret import Secret

__all__ = [
    "DEFAULT_CONFIG",
    "KEYS",
    "SERVICE_USER",
    "Archive",
    "ConfigurationError",
    "ConfigurationNotPermitted",
    "Dropbox",
    "Http",
    "Log",
    "Problem",
    "Retry",
    "Secret",
    "Settings",
    "Source",
    "Spool",
    "StoredLogin",
    "TcpAddress",
    "TimeAllowance",
    "Timetable",
    "Upload",
    "load",
    "login_path",
    "stamp_of",
    "store_login",
    "write_secret",
]
