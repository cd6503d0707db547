"""What an emulator is asked to be, and the answer it gives where nobody knows Dropbox's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from huracan_spool.emulator.wan_profile import WanProfile

ALL_SCOPES = frozenset({"account_info.read", "files.content.read", "files.content.write", "files.metadata.read"})


@dataclass(frozen=True, kw_only=True)
class EmulatorOptions:
    """Everything that can be chosen about an emulator. Bytes and seconds throughout.

    The second block decides points that Dropbox's documentation leaves open: the default is the stricter
    reading, and a client has to survive both.
    """

    http: tuple[str, int] | None = ("127.0.0.1", 0)
    https: tuple[str, int] | None = ("127.0.0.1", 0)
    token: str | None = None
    root: Path | None = None
    app_key: str = "emulatorappkey1"
    app_scopes: frozenset[str] = ALL_SCOPES
    token_lifetime: int = 14_400
    quota_bytes: int = 2 * 1024**4
    calls_per_second: float | None = None
    lock_hold: float = 0.0
    page_entries: int = 500
    job_polls: int = 1
    zip_max_entries: int = 10_000
    zip_max_bytes: int = 20 * 10**9
    zip_max_file_bytes: int = 4 * 10**9
    wan: WanProfile = field(default_factory=WanProfile)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    append_after_close: Literal["closed", "accepted"] = "closed"
    """A piece of a concurrent session that arrives after the closing one."""
    retried_close: Literal["closed", "incorrect_offset"] = "closed"
    """What a closed sequential session says to an append at a wrong offset."""
    resent_piece: Literal["accepted", "incorrect_offset"] = "accepted"
    """A stored range of a concurrent session that is sent once more with the same bytes."""
    finished_session: Literal["gone", "replayed", "closed"] = "gone"
    """Finishing a session for the second time."""
    unclosed_concurrent: Literal["not_closed", "concurrent_session_not_closed"] = "not_closed"
    """The tag for an unclosed concurrent session in a finish batch."""
    batch_entry_hash: Literal["checked", "ignored"] = "checked"
    """A `content_hash` in a finish batch's entry; checked against the body, which is empty."""
    empty_batch: Literal["refused", "accepted"] = "refused"
    relocation_batches: Literal["job", "sync"] = "job"
    """Whether `copy_batch_v2` and `move_batch_v2` answer with a job or with the entries."""
    folder_batch_sync_entries: int = 20
    """`create_folder_batch` answers with a job above this many paths."""
    listing_names_itself: bool = True
    """Whether a recursive listing contains the listed folder."""
    chunked_bodies: bool = False
    """Whether a body without a Content-Length is taken."""
    download_content_type: bool = False
    """Whether a download may declare a Content-Type."""
    zip_folder_entries: bool = True
    """Whether a zip names its folders too, beside the files in them."""
    zip_deflates: bool = False
    """Whether what is in a zip is deflated."""
    longpoll_jitter: float = 0.0
    """How much longer than asked for a longpoll waits; Dropbox says up to 90."""
    longpoll_backoff: int | None = None
    """How long every longpoll tells its caller to wait before the next."""
    malformed_token_status: Literal[400, 401] = 400
    invalid_client_status: Literal[400, 401] = 400
    header_bytes: int = 256 * 1024
    """The longest header line taken. aiohttp's own 8,190 would refuse a large `append_batch`."""
