"""Which paths changed, in the order in which they did."""

from __future__ import annotations

import asyncio


class Journal:
    """Grows at its end. Whoever has read it all can wait for more."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._grown = asyncio.Event()

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> str:
        return self._paths[index]

    def append(self, path: str) -> None:
        self._paths.append(path)
        self._grown.set()

    async def grows(self, known: int) -> None:
        """Until there is more than the `known` first."""
        while len(self._paths) <= known:
            self._grown.clear()
            await self._grown.wait()
