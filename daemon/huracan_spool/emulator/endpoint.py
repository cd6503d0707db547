"""One route of the API: Dropbox's description of it, its scope, and the function that does its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from huracan_spool.emulator.account import Account
from huracan_spool.emulator.blobs import Received
from huracan_spool.emulator.failures import EntryFailure, RouteFailure
from huracan_spool.emulator.nodes import File

Entry = TypeVar("Entry")


@dataclass
class Call:
    """A call that may act: authorised, decoded, its body stored. `failures` is by entry of a batch."""

    route: str
    arg: Any
    token: str
    body: Received | None = None
    failures: Mapping[int, EntryFailure] = field(default_factory=dict)

    def acting(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries that are to take effect."""
        return [entry for index, entry in enumerate(entries) if not self._is_skipped(index)]

    def _is_skipped(self, index: int) -> bool:
        return index in self.failures and not self.failures[index].took_effect

    @property
    def received(self) -> Received:
        if self.body is None:
            raise TypeError(f"{self.route} has no body beside its argument")
        return self.body


@dataclass(frozen=True)
class Download:
    """A file's bytes, as the result of a route."""

    file: File


@dataclass(frozen=True)
class ZipDownload:
    """A zip, as the result of a route: what describes it, and how its bytes are made."""

    result: Any
    chunks: Callable[[], Generator[bytes]]


@dataclass(frozen=True)
class Encoded:
    """A result that is JSON already."""

    text: str


@dataclass(frozen=True)
class Endpoint:
    """`locks` says that the route takes the namespace's write lock. `wait` comes before the work."""

    namespace: str
    route: Any
    scope: str | None
    work: Callable[[Account, Call], Any]
    locks: bool = False
    wait: Callable[[Account, Call], Awaitable[None]] | None = None

    @property
    def name(self) -> str:
        """As in the URL: `files/upload_session/append_v2`."""
        version = f"_v{self.route.version}" if self.route.version > 1 else ""
        return f"{self.namespace}/{self.route.name}{version}"

    @property
    def spoken_name(self) -> str:
        """As in error texts: `files/upload_session/append:2`."""
        version = f":{self.route.version}" if self.route.version > 1 else ""
        return f"{self.namespace}/{self.route.name}{version}"

    @property
    def host(self) -> str:
        return str(self.route.attrs["host"])

    @property
    def style(self) -> str:
        return str(self.route.attrs["style"])

    @property
    def takes_token(self) -> bool:
        return str(self.route.attrs["auth"]) != "noauth"

    def failure(self, tag: str) -> RouteFailure:
        """A void tag of the route's own union."""
        return RouteFailure(getattr(self.route.error_type.definition, tag))
