"""Asking a daemon over HTTP, at an address as its log names it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy

from support.daemon_process import DaemonProcess
from support.site import Site
from support.waiting import within

_SAMPLE = re.compile(r"([a-z_]+)(\{.*\})? (\S+)")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def samples(self) -> dict[str, float]:
        """Every sample of a scrape, by its name with its labels."""
        lines = [line for line in self.text.splitlines() if not line.startswith("#")]
        found = [_SAMPLE.fullmatch(line) for line in lines]
        return {f"{match[1]}{match[2] or ''}": float(match[3]) for match in found if match}


@dataclass(frozen=True, slots=True)
class Asking:
    """`address` is a URL, or the path of a unix socket."""

    address: str

    async def get(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        tcp = self.address.startswith("http")
        base = self.address.rstrip("/") if tcp else "http://localhost"
        connector = aiohttp.TCPConnector() if tcp else aiohttp.UnixConnector(self.address)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"{base}{path}", headers=headers) as response,
        ):
            return Answer(response.status, response.headers, await response.text())

    async def until(self, what: Callable[[Any], bool]) -> Any:
        """The first /status of which `what` is true. What comes from the disk in it may be two seconds old."""

        async def wait() -> Any:
            while not what(told := (await self.get("/status")).json):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
            return told

        return await within(wait(), "a change of /status")


@asynccontextmanager
async def watched(site: Site) -> AsyncIterator[tuple[DaemonProcess, Asking]]:
    """A daemon that serves on a port of its own."""
    site.settings.setdefault("http.listen", "127.0.0.1:0")
    async with site.daemon() as daemon:
        line = await daemon.logged("http_listening")
        yield daemon, Asking(line.fields["address"])
