"""The tests' CONNECT proxy as a process: given the port to lead to, prints its URL. Any signal ends it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "emulator"))

from connect_proxy import ConnectProxy


async def serve(target_port: int) -> None:
    async with ConnectProxy(target_port) as proxy:
        print(proxy.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
