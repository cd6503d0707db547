"""What has come across of one run, and is not committed yet."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from huracan_spool.stores.base import Content
from huracan_spool.stores.dropbox.uploader import Uploader


@dataclass
class RunSessions:
    """The closed sessions of one run, by content hash. A commit uses one up."""

    uploader: Uploader
    contents: Mapping[str, Content]
    bytes_sent: int = 0
    ready: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _coming: Counter[str] = field(default_factory=Counter)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def prepare(self, wanted: Sequence[str]) -> None:
        """Have a closed session ready for each content hash, as often as it is named.

        Raises `StoreError`, `Rejected`. What came across all the same stays ready. Two may prepare at a time:
        what the one is bringing, the other waits for.
        """
        while missing := self._missing(wanted):
            if new := missing - self._coming:
                await self._bring(new)
                continue
            async with self._came:
                await self._came.wait_for(lambda: self._is_over(wanted))

    def _missing(self, wanted: Sequence[str]) -> Counter[str]:
        return Counter(wanted) - Counter({hash_: len(ids) for hash_, ids in self.ready.items()})

    def _is_over(self, wanted: Sequence[str]) -> bool:
        """Whether there is nothing left to wait for: all is ready, or something is not even coming."""
        missing = self._missing(wanted)
        return not missing or bool(missing - self._coming)

    async def _bring(self, missing: Counter[str]) -> None:
        self._coming += missing
        try:
            await self.uploader.upload([self.contents[hash_] for hash_ in missing.elements()], self._arrived)
        finally:
            self._coming -= missing
            async with self._came:
                self._came.notify_all()

    def use(self, hash_: str) -> str:
        return self.ready[hash_].pop()

    def give_back(self, hash_: str, session: str) -> None:
        """The commit was refused, and the session still holds the bytes."""
        self.ready[hash_].append(session)

    def _arrived(self, content: Content, session: str, sent: int) -> None:
        self.ready[content.content_hash].append(session)
        self.bytes_sent += sent
