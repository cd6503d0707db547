"""Texts to names: paths, folders, addresses, users, words out of a list, secrets.

A parser takes the text as a person wrote it and raises `NotAccepted`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from huracan_spool.settings.problems import NotAccepted
from huracan_spool.settings.quantities import is_off
from huracan_spool.settings.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.parse import SplitResult

PLACEHOLDER = "YOUR_DROPBOX_"

AUTHORIZE_PATH = "/oauth2/authorize"

# What the kernel takes, one byte being for the end of the string: unix(7), sun_path.
_LONGEST_SOCKET_PATH = 107

_LARGEST_UID = 2**32 - 2  # the one above means "nobody in particular": chown(2)

# Dropbox answers `disallowed_name` for these, after the bytes went out.
_RESERVED = re.compile(
    r"desktop\.ini|thumbs\.db|\.ds_store|icon\r|\.dropbox|\.dropbox\.attr|\.dropbox\.cache|~\$.*|\.~.*|~.*\.tmp"
)


def choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = "off" if is_off(text) else text
        if word in words:
            return word
        raise NotAccepted(f"{', '.join(words[:-1])} or {words[-1]}")

    return parse


def absolute_path(text: str) -> Path:
    if not text.startswith("/") or not text.isprintable():
        raise NotAccepted("an absolute path")
    return Path(text)


def app_folder(text: str) -> str:
    """`Huracan`, `Work/Huracan`, or the root: the empty string. Slashes at either end mean nothing."""
    parts = [part for part in unicodedata.normalize("NFC", text).split("/") if part]
    if not all(map(_is_dropbox_name, parts)):
        raise NotAccepted(
            "a folder in Dropbox such as Huracan or Work/Huracan, no part of it a reserved name, longer than "
            "255 characters, ending in a space or a dot, or with a backslash, an emoji or a control character"
        )
    return "/".join(parts)


def _is_dropbox_name(part: str) -> bool:
    return (
        part.isprintable()
        and "\\" not in part
        and part[-1] not in " ."
        and len(part) <= 255
        and max(part) <= "\uffff"
        and not _RESERVED.fullmatch(part.lower())
    )


def allowed_uids(text: str) -> frozenset[int] | None:
    """None is everybody."""
    if text == "any":
        return None
    listed = re.fullmatch(r"\[(.*)\]", text)  # as a file has it, in the environment
    words = (listed[1] if listed else text).replace(",", " ").split()
    if not words or not all(re.fullmatch(r"[0-9]{1,10}", word) and int(word) <= _LARGEST_UID for word in words):
        raise NotAccepted("any, or a list of numeric user ids such as [1000, 1001]")
    return frozenset(map(int, words))


def secret(text: str) -> Secret:
    """A line break or a blank in a token is a slip of the paste, and would break the header it goes into."""
    if text.upper().startswith(PLACEHOLDER):
        raise NotAccepted(
            "a real value instead of the placeholder, or no such line (runs then stay in the local archive)"
        )
    if not re.fullmatch(r"[!-~]+", text):
        raise NotAccepted("one word of plain ASCII characters, without blanks")
    return Secret(text)


def base_url(text: str) -> str:
    """`https://api.dropboxapi.com`; a slash at the end is taken off."""
    url = _url(text)
    if url is None or url.path not in ("", "/"):
        raise NotAccepted("https://HOST[:PORT] without a path (http:// only to this host itself)")
    return f"{url.scheme}://{url.netloc}"


def page_url(text: str) -> str:
    """The page that a person opens to grant access; a base alone gets Dropbox's path."""
    url = _url(text)
    if url is None:
        raise NotAccepted("https://HOST[:PORT]/PATH (http:// only to this host itself)")
    path = url.path if url.path not in ("", "/") else AUTHORIZE_PATH
    return f"{url.scheme}://{url.netloc}{path}"


def _url(text: str) -> SplitResult | None:
    # urlsplit drops tabs and line breaks without a word, so they are looked for first.
    if not re.fullmatch(r"https?://[!-~]+", text) or set(text) & set("@?#\\"):
        return None
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return None
    return url if host and (url.scheme == "https" or is_loopback(host)) else None


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A loopback address; port 0 lets the kernel choose."""

    host: str
    port: int


def listen(text: str) -> TcpAddress | Path | None:
    """`127.0.0.1:9478`, `[::1]:9478`, the path of a unix socket, or off (None)."""
    if is_off(text):
        return None
    if text.startswith("/") and text.isprintable() and len(text.encode()) <= _LONGEST_SOCKET_PATH:
        return Path(text)
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:]+)\]|([0-9.]+|localhost)):([0-9]{1,5})", text)
    if match is None or not is_loopback(match[1] or match[2]) or int(match[3]) > 65535:
        raise NotAccepted(
            "an address of this host itself such as 127.0.0.1:9478 or [::1]:9478, "
            f"the path of a unix socket (at most {_LONGEST_SOCKET_PATH} bytes), or off"
        )
    return TcpAddress(match[1] or match[2], int(match[3]))
